# Data selection on the streets. The pool (predict_*) is the 70 training images at
# 192x96. Students learn from 96x96 crops with the teacher's disparity, which
# tools/select_samples.py sets together with the images of each student.
_base_ = './cityscapes_select.py'
data_root = 'data/streets'
scale = (192, 96)
crop_size = (96, 96)
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSDEDisparity', stretch=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
# of students that learn from labels (entropy)
label_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSegLabel'),
    dict(type='Resize', scale=scale),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
predict_dataloader = dict(
    batch_size=8, num_workers=1, dataset=dict(data_root=data_root)
)
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
