# Phase 2 of the depth network on Cityscapes: everything learns, from the weights of
# phase 1.
_base_ = [
    '../models/sde_unet_r101-d16.py',
    '../datasets/cityscapes_sde.py',
    '../default_runtime.py',
]
load_from = 'work_dirs/sde-phase1_r101-d16_300k_512x512/iter_300000.pth'
model = dict(backbone=dict(frozen_stages=-1, norm_eval=False))
iterations = 50000
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(type='Adam', lr=1e-5),
)
param_scheduler = []
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=10000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=10000))
