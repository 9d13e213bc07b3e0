# Depth and pose from unlabelled frames, from scratch: the demo's short run.
_base_ = [
    '../_base_/models/sde_unet_r18-w16.py', '../_base_/datasets/streets_sde.py',
    '../_base_/default_runtime.py', '../_base_/schedules/sde_small.py'
]
iterations = 500
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
