# Data selection on Cityscapes. The pool (predict_*) is the 2975 training images at
# 1024x512. Students learn from 512x512 crops with the teacher's disparity.
#
# tools/select_samples.py sets the folder of the labels and the images of each student.
# The disparity is stretched to [0, 1] in each image, as the published constants require
# (far: below 0.07; weight of a score: 1000).
dataset_type = 'CityscapesSequenceDataset'
data_root = 'data/cityscapes_1024x512'
scale = (1024, 512)
crop_size = (512, 512)
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
pool = dict(type=dataset_type, data_root=data_root, split='train')
predict_dataloader = dict(batch_size=4, num_workers=4, dataset=pool)
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(pool, pipeline=train_pipeline),
)
