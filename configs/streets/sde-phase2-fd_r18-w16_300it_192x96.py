# Phase 2 in small: everything learns, and the encoder is kept near its original
# features. `--amp` trains in mixed precision, as in the paper's phase 2.
_base_ = './sde-phase1_r18-w16_900it_192x96.py'
load_from = 'work_dirs/sde-phase1_r18-w16_900it_192x96/iter_900.pth'
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    loss_feature=dict(
        type='FeatureDistanceLoss',
        encoder=dict(_base_.backbone, init_cfg=_base_.init_cfg),
        loss_weight=1e-2,
        reduction='batch',
    ),
)
iterations = 300
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = []
train_cfg = dict(max_iters=iterations, val_interval=iterations // 3)
default_hooks = dict(checkpoint=dict(interval=iterations // 3))
