# Frame triplets of all clips. Predictions (depth labels, and the pool if frames are
# chosen with such a config) leave out val_clips. For your own video edit clips.py.
_base_ = './clips.py'
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='PackDepthSegInputs'),
]
# of MMSegmentation's inference_model
test_pipeline = predict_pipeline
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=_base_.dataset_type,
        data_root=_base_.data_root,
        offsets=(-1, 1),
        pipeline=train_pipeline,
    ),
)
predict_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        type=_base_.dataset_type,
        data_root=_base_.data_root,
        exclude_clips=_base_.val_clips,
    ),
)
