iterations = 600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0.0, end=iterations)
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 2
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
