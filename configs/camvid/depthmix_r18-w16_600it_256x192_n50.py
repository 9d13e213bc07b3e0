# Mean teacher with DepthMix, from scratch: depth is used for mixing only. The depth
# labels are those of transfer-depthmix_...
_base_ = './ema_r18-w16_600it_256x192_n50.py'
model = dict(mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
