# Mean teacher without mixing, with an encoder from ImageNet: consistency under strong
# augmentation.
_base_ = [
    '../_base_/models/mean_teacher_unet_lite0.py',
    '../_base_/datasets/camvid_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
model = dict(segmentor=dict(decode_head=dict(num_classes=11)))
# half of the mixed images are labelled ones
train_dataloader = dict(
    sampler=dict(source_counts=dict(labeled=4, mix=2, paste=2)),
    dataset=dict(sources=dict(paste=dict(branch='mix'))),
)
mixed_with_depth = dict(
    mix=_base_.with_depth, paste=dict(_base_.with_depth, branch='mix')
)
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 3),
)
