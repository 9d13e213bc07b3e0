# The paper's schedule (3W, section 4): SGD, a tenth of the learning rate for the
# encoder, and a tenth of both rates after 30,000 iterations.
iterations = 40000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
    # two groups instead of one per parameter
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=False, milestones=[30000], gamma=0.1)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=4000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
