# Mean teacher with DepthMix, with an encoder from ImageNet: depth is used for mixing
# only. The depth labels are those of transfer-depthmix_r18-w16_...
_base_ = './ema_lite0_900it_256x192_n50.py'
model = dict(mixing=dict(type='DepthMix', margin=0.03, relative_margin=True))
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_depth))
