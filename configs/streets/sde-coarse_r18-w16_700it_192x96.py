# For good depth rather than transfer, the first of two steps: at 192x96, on more clips.
# With batch norm in the decoder and a larger rate (except for the pose network) depth
# is learned in half the iterations. Segmentation learns more slowly from such a start,
# so the short training for transfer has neither.
#   python tools/dataset_converters/streets.py --out data/streets_long --clips 240
#   python tools/train.py THIS
_base_ = './sde_r18-w16_500it_192x96.py'
iterations = 700
model = dict(depth_head=dict(decoder=dict(norm_cfg=dict(type='BN'))))
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.25))),
)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, eta_min=0.0),
]
train_dataloader = dict(dataset=dict(data_root='data/streets_long'))
train_cfg = dict(max_iters=iterations, val_interval=iterations // 4)
default_hooks = dict(checkpoint=dict(interval=iterations))
