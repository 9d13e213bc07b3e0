# Depth from a few hundred frames, from scratch.
iterations = 1000
# the papers' rate for the pose network; at five times that rate it diverged on empty
# roads
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.2))),
)
param_scheduler = [
    dict(
        type='MultiStepLR', by_epoch=False, milestones=[iterations * 3 // 4], gamma=0.2
    )
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
