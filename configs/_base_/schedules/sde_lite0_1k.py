# Depth from a few hundred frames, with a frozen encoder from ImageNet.
iterations = 1000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3),
    clip_grad=dict(max_norm=1.0),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.2))),
)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, eta_min=0.0),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
