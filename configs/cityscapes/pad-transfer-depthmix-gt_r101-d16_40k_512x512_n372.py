# Multi-task learning and DepthMix: everything starts from self-supervised depth, which
# keeps training; mixing uses the depth of the student itself, so no depth
# labels are needed. Mix images are all training images, the labelled ones with their
# ground truth.
#
# On several GPUs --cfg-options model_wrapper_cfg="{'type':
# 'mmdepthseg.SplitBackwardDDP'}" takes less memory for the same gradients.
_base_ = [
    '../_base_/models/pad_unet_r101-d16.py',
    '../_base_/datasets/cityscapes_multitask.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_40k.py',
]
sde = 'work_dirs/sde-phase2-fd_r101-d16_50k_512x512/iter_50000.pth'
init = dict(type='Pretrained', checkpoint=sde)
model = dict(
    segmentor=dict(
        backbone=dict(init_cfg=dict(init, prefix='backbone.')),
        decode_head=dict(
            decoder=dict(init_cfg=dict(init, prefix='depth_head.decoder.'))
        ),
        depth_head=dict(init_cfg=dict(init, prefix='depth_head.')),
        pose_net=dict(
            backbone=dict(init_cfg=None), init_cfg=dict(init, prefix='pose_net.')
        ),
    )
)
# 1e-6 for the pose network and its backbone: the longer key wins
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'pose_net.': dict(lr_mult=1e-4)}))
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=4000), mean_teacher=dict(type='MeanTeacherHook')
)
