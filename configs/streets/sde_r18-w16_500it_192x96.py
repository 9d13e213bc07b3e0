# Depth and pose from unlabelled frames, from scratch: the demo's short run.
_base_ = [
    '../_base_/models/sde_unet_r18-w16.py',
    '../_base_/datasets/streets_sde.py',
    '../_base_/default_runtime.py',
]
iterations = 500
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[iterations * 6 // 10, iterations * 85 // 100],
        gamma=0.3,
    )
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 4
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
