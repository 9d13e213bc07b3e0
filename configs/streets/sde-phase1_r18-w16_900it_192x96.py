# The paper's two phases in small. Phase 1: decoder and pose network learn with a frozen
# encoder, on square crops. Instead of ImageNet weights the encoder has those of
# supervised_r18-w16_600it_192x96_n8.py; train that first.
_base_ = [
    '../_base_/models/sde_unet_r18-w16.py',
    '../_base_/datasets/streets_sde.py',
    '../_base_/default_runtime.py',
]
pretrained = 'work_dirs/supervised_r18-w16_600it_192x96_n8/iter_600.pth'
init_cfg = dict(type='Pretrained', checkpoint=pretrained, prefix='backbone.')
model = dict(
    backbone=dict(frozen_stages=4, norm_eval=True, init_cfg=init_cfg),
    pose_net=dict(backbone=dict(init_cfg=init_cfg)),
)
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='RandomCrop', crop_size=(96, 96)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
iterations = 900
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[iterations * 16 // 30],
        gamma=0.1,
    )
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 3
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=iterations // 3))
