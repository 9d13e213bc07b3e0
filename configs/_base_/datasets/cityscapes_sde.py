# Frame triplets of all sequences of Cityscapes for self-supervised depth, 512x512 crops
# of 1024x512. tools/dataset_converters/cityscapes.py makes the 1024x512 copy; with
# data_root='data/cityscapes' the full-size images work too, but load more slowly.
_base_ = './tta.py'
dataset_type = 'CityscapesSequenceDataset'
data_root = 'data/cityscapes_1024x512'
scale = (1024, 512)
crop_size = (512, 512)
# camera files without an image size belong to the full-size image
camera_size = (1024, 2048)
# of frames without a camera file (Cityscapes' own, for full-size images)
default_camera = dict(
    K=[[2262.52, 0, 1096.98], [0, 2265.30, 513.137], [0, 0, 1]],
    width=2048,
    height=1024,
)
train_pipeline = [
    dict(type='SeedBySample'),
    # jpg files of twice that size and more are decoded smaller
    dict(type='LoadImageFromFile', min_size=scale),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
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
    num_workers=4,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        frames='sequence',
        offsets=(-1, 1),
        camera_size=camera_size,
        default_camera=default_camera,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        camera_size=camera_size,
        default_camera=default_camera,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# images that get depth labels (tools/generate_depth.py)
predict_dataloader = dict(
    batch_size=4,
    num_workers=4,
    dataset=dict(type=dataset_type, data_root=data_root, split='train'),
)
val_evaluator = dict(
    type='DepthMetric',
    align='median',
    max_depth=80,
    baseline=dict(
        dataset=dict(
            type=dataset_type,
            data_root=data_root,
            split='train',
            camera_size=camera_size,
            default_camera=default_camera,
        ),
        cache='work_dirs/baselines/cityscapes_row_mean.json',
    ),
)
test_evaluator = val_evaluator
