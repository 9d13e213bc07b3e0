# Exp. 211's active learning: images for which a segmentation student has the highest
# entropy. It needs the labels of all images chosen before.
#   python tools/select_samples.py THIS --method entropy --seed 42 \
#       --budget 25 50 100 200 372 744 --out work_dirs/select_entropy_42
_base_ = [
    '../_base_/models/seg_student_unet_r50-d16.py',
    '../_base_/datasets/cityscapes_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSegLabel'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='RandomCrop', crop_size=_base_.crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(dataset=dict(require_labels=True, pipeline=train_pipeline))
selection = dict(
    criterion=dict(type='entropy'),
    iterations=[
        (25, 4000),
        (50, 8000),
        (100, 12000),
        (200, 16000),
        (372, 20000),
        (744, 24000),
    ],
)
