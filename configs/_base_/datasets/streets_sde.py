# Frame triplets of the streets for self-supervised depth, at 192x96.
_base_ = './tta.py'
dataset_type = 'CityscapesSequenceDataset'
data_root = 'data/streets'
scale = (192, 96)
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
# for `data_preprocessor.input_scale=0.5`: view synthesis at twice the networks' size
fine_pipeline = [
    dict(step, scale=(384, 192)) if step['type'] == 'Resize' else dict(step)
    for step in train_pipeline
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadCamera'),
    dict(type='LoadStereoDepth', keep_size=True),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=scale)], *_base_.mirrored_stereo]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=tta_transforms),
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        frames='sequence',
        offsets=(-1, 1),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline
    ),
)
test_dataloader = val_dataloader
# images that get depth labels (tools/generate_depth.py)
predict_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(type=dataset_type, data_root=data_root, split='train'),
)
# frames with true poses (tools/test_pose.py): every pair of consecutive frames
pose_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadPoses'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
pose_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    frames='sequence',
    offsets=(1,),
    data_prefix=dict(poses_path='poses/{split}'),
)
pose_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(pose_dataset, split='val', pipeline=pose_pipeline),
)
pose_evaluator = dict(
    type='PoseMetric',
    align='median',
    # validation clips have three frames
    scale_over='all',
    snippet=3,
    baseline=dict(dataset=dict(pose_dataset, split='train')),
)
val_evaluator = dict(
    type='DepthMetric',
    align='median',
    max_depth=80,
    baseline=dict(
        dataset=dict(type=dataset_type, data_root=data_root, split='train'),
        cache='work_dirs/baselines/streets_row_mean.json',
    ),
)
test_evaluator = val_evaluator
