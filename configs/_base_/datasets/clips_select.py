# Data selection from a folder of clips. The pool (predict_*) is all frames except those
# of val_clips. Students learn from square crops with the teacher's disparity, which
# tools/select_samples.py sets together with the images of each student. Neither labels
# nor neighbours are needed.
_base_ = './clips.py'
# the whole height, because valid_height of the students counts rows of the image
crop_size = (_base_.scale[1], _base_.scale[1])
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='PackDepthSegInputs'),
]
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='LoadSDEDisparity', stretch=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
pool = dict(
    type=_base_.dataset_type, data_root=_base_.data_root, exclude_clips=_base_.val_clips
)
predict_dataloader = dict(batch_size=8, num_workers=2, dataset=pool)
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(pool, pipeline=train_pipeline),
)
