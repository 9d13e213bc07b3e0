# DepthMix on your own clips: labelled and unlabelled frames, mixed by their depth, with
# an encoder from ImageNet.
#   python tools/train.py configs/clips/sde_lite0_1k_320x160.py \
#       --work-dir work_dirs/sde
#   python tools/generate_depth.py configs/clips/sde_lite0_1k_320x160.py \
#       work_dirs/sde/iter_1000.pth --out data/clips_depth_labels
#   python tools/train.py THIS --work-dir work_dirs/depthmix
_base_ = [
    '../_base_/models/mean_teacher_unet_lite0.py',
    '../_base_/datasets/clips_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
model = dict(
    segmentor=dict(decode_head=dict(num_classes=len(_base_.classes))),
    # a share of the batch's disparity range, so it fits any depth network
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
# half of the mixed images are labelled frames
train_dataloader = dict(
    sampler=dict(source_counts=dict(labeled=4, mix=2, paste=2)),
    dataset=dict(sources=dict(paste=_base_.with_depth)),
)
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', burn_in=_base_.iterations // 3),
)
