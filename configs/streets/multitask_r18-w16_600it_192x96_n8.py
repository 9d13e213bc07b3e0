# Multi-task learning and DepthMix: everything starts from self-supervised depth, which
# keeps training; mixing uses the depth of the student itself.
_base_ = [
    '../_base_/models/pad_unet_r18-w16.py',
    '../_base_/datasets/streets_multitask.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_600it.py',
]
sde = 'work_dirs/sde_r18-w16_500it_192x96/iter_500.pth'
init = dict(type='Pretrained', checkpoint=sde)
model = dict(
    segmentor=dict(
        backbone=dict(init_cfg=dict(init, prefix='backbone.')),
        decode_head=dict(
            decoder=dict(init_cfg=dict(init, prefix='depth_head.decoder.'))
        ),
        depth_head=dict(init_cfg=dict(init, prefix='depth_head.')),
        pose_net=dict(init_cfg=dict(init, prefix='pose_net.')),
    )
)
# the pose network keeps its small learning rate
optim_wrapper = dict(
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.05))),
)
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 2),
)
