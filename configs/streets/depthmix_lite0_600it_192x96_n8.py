# Mean teacher with DepthMix, with an encoder from ImageNet: depth is used for mixing
# only.
_base_ = './ema_lite0_600it_192x96_n8.py'
# see transfer-depthmix_r18-w16_600it_192x96_n8.py for the margin
model = dict(mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
