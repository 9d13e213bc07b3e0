# Mean teacher without mixing: consistency under strong augmentation, from scratch.
_base_ = [
    '../_base_/models/mean_teacher_unet_r18-w16.py',
    '../_base_/datasets/camvid_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_600it.py',
]
model = dict(segmentor=dict(decode_head=dict(num_classes=11)))
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 2),
)
