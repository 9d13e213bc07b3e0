# Frame triplets of KITTI's raw drives, both colour cameras, at 640x192. Validation on
# the drives for which KITTI's depth benchmark keeps its depth maps for validation.
_base_ = './tta.py'
data_root = 'data/kitti_raw'
depth_dir = '../kitti_depth'  # relative to data_root
scale = (640, 192)
val_drives = [
    '2011_09_26_drive_0002',
    '2011_09_26_drive_0005',
    '2011_09_26_drive_0013',
    '2011_09_26_drive_0020',
    '2011_09_26_drive_0023',
    '2011_09_26_drive_0036',
    '2011_09_26_drive_0079',
    '2011_09_26_drive_0095',
    '2011_09_26_drive_0113',
    '2011_09_28_drive_0037',
    '2011_09_29_drive_0026',
    '2011_09_30_drive_0016',
    '2011_10_03_drive_0047',
]
dataset_type = 'KITTIRawDataset'
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepthMap', keep_size=True),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=scale)], *_base_.mirrored_map]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=tta_transforms),
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
drives = dict(type=dataset_type, data_root=data_root, exclude_drives=val_drives)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(drives, cameras=(2, 3), offsets=(-1, 1), pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,  # days have several sizes
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        drives=val_drives,
        cameras=(2,),
        depth_dir=depth_dir,
        measured_only=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# images that get depth labels, and the pool of a selection
predict_dataloader = dict(
    batch_size=4, num_workers=4, dataset=dict(drives, cameras=(2,))
)
val_evaluator = dict(type='DepthMetric', align='median', max_depth=80, crop='garg')
test_evaluator = val_evaluator
