# Mean teacher without mixing, with an encoder from ImageNet: consistency under strong
# augmentation.
_base_ = [
    '../_base_/models/mean_teacher_unet_lite0.py',
    '../_base_/datasets/streets_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_600it.py',
]
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 3),
)
