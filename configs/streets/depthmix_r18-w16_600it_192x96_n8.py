# Mean teacher with DepthMix, from scratch: depth is used for mixing only.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
# see transfer-depthmix_... for the margin
model = dict(mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
