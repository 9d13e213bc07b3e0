# Like depthmix_..., but pixels nearer than a random depth stay, whatever the partner
# image shows.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='DepthThresholdMix'))
# the thresholds are for disparities that fill [0, 1] in each image
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_stretched_depth)))
