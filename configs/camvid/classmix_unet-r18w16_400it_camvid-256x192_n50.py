# Mean teacher with ClassMix, from scratch, no depth.
_base_ = [
    '../_base_/models/seg_unet_r18-w16.py', '../_base_/datasets/camvid_semi.py',
    '../_base_/default_runtime.py', '../_base_/schedules/seg_400it.py'
]
model = dict(
    _delete_=True,
    type='MeanTeacher',
    data_preprocessor=_base_.data_preprocessor,
    segmentor=dict(
        type='DepthSegmentor',
        backbone=_base_.model.backbone,
        decode_head=dict(_base_.model.decode_head, num_classes=11),
        test_cfg=_base_.model.test_cfg),
    mixing=dict(type='ClassMix'),
    # the paper's hue (0.25) and blur (sigma to 1.15) are for long trainings at 512x512
    strong_augmentation=[
        dict(
            type='BatchColorJitter',
            brightness=0.25,
            contrast=0.25,
            saturation=0.25,
            hue=0.05),
        dict(type='BatchGaussianBlur', sigma=(0.05, 0.4))
    ],
    # 0.99 averages over more steps than a short training has to spare
    ema=dict(decay=0.95),
    rampup=_base_.iterations // 4)
custom_hooks = [*_base_.custom_hooks, dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
