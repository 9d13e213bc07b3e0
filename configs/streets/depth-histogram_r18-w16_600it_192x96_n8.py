# Like depth-threshold_..., but a random share of the pixels stays, the nearest ones.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='DepthHistogramMix'))
# as for depth-threshold_...
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_stretched_depth)))
