# Mean teacher without mixing: consistency under strong augmentation, on the images
# without labels.
#
# Other subsets: `labeled_subset` in configs/_base_/datasets/cityscapes_seg.py, or
#   python tools/train.py THIS --work-dir work_dirs/scratch-ema_n100_seed25 \
#       --cfg-options randomness.seed=25 \
#       train_dataloader.dataset.shared.labeled_subset.n=100 \
#       train_dataloader.dataset.shared.labeled_subset.seed=25
_base_ = [
    '../_base_/models/mean_teacher_unet_r101-d16.py',
    '../_base_/datasets/cityscapes_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_40k.py',
]
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=4000), mean_teacher=dict(type='MeanTeacherHook')
)
