# Phase 2 without feature distance: everything learns, from the weights of phase 1.
_base_ = './sde-phase1_r101-d16_300k_512x512.py'
load_from = 'work_dirs/sde-phase1_r101-d16_300k_512x512/iter_300000.pth'
model = dict(backbone=dict(frozen_stages=-1, norm_eval=False))
iterations = 50000
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(type='Adam', lr=1e-5),
)
param_scheduler = []
train_cfg = dict(max_iters=iterations, val_interval=10000)
