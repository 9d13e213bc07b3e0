# Mean teacher without mixing: consistency under strong augmentation, on the images
# without labels.
#
# Other subsets: `labeled_subset` in configs/_base_/datasets/camvid_seg_512x512.py, or
# train_dataloader.dataset.shared.labeled_subset, as in scratch_...
_base_ = [
    '../_base_/models/mean_teacher_unet_r101-d16.py',
    '../_base_/datasets/camvid_semi_512x512.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_20k.py',
]
model = dict(segmentor=dict(decode_head=dict(num_classes=11)))
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=2000), mean_teacher=dict(type='MeanTeacherHook')
)
