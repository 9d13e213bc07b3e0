# As depth-threshold_..., but the nearest pixels stay, a random share of them.
_base_ = './depth-threshold_unet-r18w16_600it_streets-192x96_n8.py'
model = dict(mixing=dict(type='DepthHistogramMix'))
