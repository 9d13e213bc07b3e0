# Exp. 211 (3W, section 3.5 and table 3): which images of Cityscapes to label, by depth.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --seed 42 \
#       --budget 25 50 100 200 372 744 --out work_dirs/select_ds_us_42
# The same for --method ds and us. Training seeds 7, 25, 42 belong to seeds 42, 43, 44.
_base_ = [
    '../_base_/models/depth_student_unet_r50-d16.py',
    '../_base_/datasets/cityscapes_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
selection = dict(
    teacher='sde-phase2-fd_r101-d16_50k_512x512.py',
    features=dict(step=3, size=(4, 8)),
    criterion=dict(
        type='depth_error',
        error='abs_log',
        far_threshold=0.07,
        far_dilation=7,
        # the ego vehicle
        valid_height=0.87,
        mean_over='all',
    ),
    # (images, iterations)
    iterations=[
        (25, 4000),
        (50, 8000),
        (100, 12000),
        (200, 16000),
        (372, 20000),
        (744, 24000),
    ],
    bias=1000.0,
)
