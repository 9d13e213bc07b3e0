# For an encoder from ImageNet: it learns at half the decoder's rate.
_base_ = './seg_600it.py'
optim_wrapper = dict(
    optimizer=dict(fused=True),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys={'backbone.': dict(lr_mult=0.5)}),
)
