# For an encoder from ImageNet: it learns at half the decoder's rate.
_base_ = './seg_600it.py'
iterations = 900
optim_wrapper = dict(
    optimizer=dict(fused=True),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys={'backbone.': dict(lr_mult=0.5)}),
)
param_scheduler = [
    dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0.0, end=iterations)
]
train_cfg = dict(max_iters=iterations, val_interval=iterations)
