# What the two steps to good depth on the streets share. With batch norm in the decoder
# and a larger rate (except for the pose network) depth is learned in half the
# iterations. Segmentation learns more slowly from such a start, so the short training
# for transfer has neither.
_base_ = [
    '../models/sde_unet_r18-w16.py',
    '../datasets/streets_sde.py',
    '../default_runtime.py',
]
model = dict(depth_head=dict(decoder=dict(norm_cfg=dict(type='BN'))))
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-3),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.25))),
)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, eta_min=0.0),
]
train_dataloader = dict(dataset=dict(data_root='data/streets_long'))
train_cfg = dict(type='IterBasedTrainLoop')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
