# Frame triplets of clips: <data_root>/<clip>/frames/* and intrinsics.json. For your own
# video set data_root (and scale); nothing else is needed.
dataset_type = 'ClipDataset'
data_root = 'data/clips'
scale = (320, 160)
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs')
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs')
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        offsets=(-1, 1),
        pipeline=train_pipeline))
predict_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(type=dataset_type, data_root=data_root))
