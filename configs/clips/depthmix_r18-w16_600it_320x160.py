# DepthMix on your own clips: labelled and unlabelled frames, mixed by their depth; 600
# more iterations from a network that already segments. (A weak teacher teaches its
# mistakes: see docs/results_real.md.)
#   python tools/train.py configs/clips/sde_r18-w16_1k_320x160.py \
#       --work-dir work_dirs/sde
#   python tools/generate_depth.py configs/clips/sde_r18-w16_1k_320x160.py \
#       work_dirs/sde/iter_1000.pth --out data/clips_depth_labels
#   python tools/train.py configs/clips/supervised_r18-w16_600it_320x160.py \
#       --work-dir work_dirs/supervised
#   python tools/train.py THIS --work-dir work_dirs/depthmix
_base_ = [
    '../_base_/models/mean_teacher_unet_r18-w16.py',
    '../_base_/datasets/clips_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_600it.py',
]
# or the checkpoint of transfer_...
start = 'work_dirs/supervised/iter_600.pth'
model = dict(
    segmentor=dict(
        decode_head=dict(num_classes=len(_base_.classes)),
        init_cfg=dict(type='Pretrained', checkpoint=start),
    ),
    # a share of the batch's disparity range, so it fits any depth network
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(
    checkpoint=dict(interval=_base_.iterations // 2),
    mean_teacher=dict(type='MeanTeacherHook', rampup=150),
)
