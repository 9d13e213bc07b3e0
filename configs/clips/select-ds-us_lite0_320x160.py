# Which frames of your own video to label, with an encoder from ImageNet. Teacher: the
# depth network trained on the same clips, configs/clips/sde_lite0_1k_320x160.py; see
# docs/selection.md.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --budget 25 50 \
#       --out work_dirs/select_clips
# For frames in another folder: --cfg-options predict_dataloader.dataset.data_root=DIR
#   train_dataloader.dataset.data_root=DIR
_base_ = [
    '../_base_/models/depth_student_unet_lite0.py',
    '../_base_/datasets/clips_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
selection = dict(
    teacher='sde_lite0_1k_320x160.py',
    # the car's bonnet may be visible at the bottom; use 1. if it is not
    criterion=dict(type='depth_error', valid_height=0.87),
    iterations=[(25, 500), (100, 1000), (400, 1500)],
)
