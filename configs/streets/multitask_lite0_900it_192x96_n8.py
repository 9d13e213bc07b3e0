# Multi-task learning and DepthMix from ImageNet: everything starts from self-supervised
# depth, which keeps training; mixing uses the depth of the student itself.
_base_ = [
    '../_base_/models/pad_unet_lite0.py',
    '../_base_/datasets/streets_multitask.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
sde = 'work_dirs/sde_lite0_500it_192x96/iter_500.pth'
init = dict(type='Pretrained', checkpoint=sde)
model = dict(
    segmentor=dict(
        backbone=dict(init_cfg=dict(init, prefix='backbone.')),
        decode_head=dict(
            decoder=dict(init_cfg=dict(init, prefix='depth_head.decoder.'))
        ),
        depth_head=dict(init_cfg=dict(init, prefix='depth_head.')),
        pose_net=dict(init_cfg=dict(init, prefix='pose_net.')),
    ),
)
# the pose network keeps its small learning rate
optim_wrapper = dict(
    paramwise_cfg=dict(
        # the longest matching pattern wins
        custom_keys={
            'pose_net.backbone.': dict(lr_mult=0.05),
            'pose_net.head.': dict(lr_mult=0.05),
        }
    )
)
train_dataloader = dict(
    sampler=dict(source_counts=dict(labeled=4, mix=2, paste=2)),
    dataset=dict(sources=dict(paste=dict(branch='mix'))),
)
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 3),
)
