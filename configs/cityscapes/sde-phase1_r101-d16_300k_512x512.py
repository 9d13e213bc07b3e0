# Phase 1 of the depth network: the decoder and the pose network learn with a frozen
# ImageNet encoder. One GPU, 4 crops.
#
# The authors' code freezes only the encoder's parameters; its batch norms keep
# training. To do the same: model.backbone.legacy_frozen_bn=True
# model.backbone.norm_eval=False. The authors started the pose network from an earlier
# run; here it starts from ImageNet.
_base_ = [
    '../_base_/models/sde_unet_r101-d16.py',
    '../_base_/datasets/cityscapes_sde.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(frozen_stages=4, norm_eval=True))
iterations = 300000
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=False, milestones=[160000], gamma=0.1)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=20000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=10000))
