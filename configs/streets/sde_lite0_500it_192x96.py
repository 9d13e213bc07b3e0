# Depth and pose from unlabelled frames, with a frozen encoder from ImageNet.
_base_ = [
    '../_base_/models/sde_unet_lite0.py',
    '../_base_/datasets/streets_sde.py',
    '../_base_/default_runtime.py',
]
iterations = 500
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, eta_min=0.0),
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 4
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
