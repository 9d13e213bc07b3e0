# As depth-threshold_..., but the nearest pixels stay, a random share of them.
_base_ = './depth-threshold_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='DepthHistogramMix'))
