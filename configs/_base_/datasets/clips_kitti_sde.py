# Frame triplets of two KITTI clips; validation on one of them against its LiDAR depth
# (sparse maps, metres * 256), so its frames are seen in training, without labels.
#   data/video/<clip>/frames/*.jpg and <clip>/intrinsics.json
#   data/depth/kitti_lidar/depth, LiDAR depth
_base_ = ['./clips_sde.py', './tta.py']
data_root = 'data/video'
lidar_clip = 'kitti_2011_09_26_lidar'
clips = [lidar_clip, 'kitti_odom_06_first51']
scale = (320, 96)
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
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
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepthMap', keep_size=True),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, clips=clips, pipeline=train_pipeline)
)
# val_clips are of own video
predict_dataloader = dict(
    dataset=dict(data_root=data_root, clips=clips, exclude_clips=[])
)
lidar = dict(
    type='ClipDataset',
    data_root=data_root,
    clips=[lidar_clip],
    depth_dir='../depth/kitti_lidar/depth',
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(lidar, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='DepthMetric',
    align='median',
    max_depth=80,
    baseline=dict(
        dataset=lidar,
        cache='work_dirs/baselines/kitti_lidar_row_mean.json',
    ),
)
test_evaluator = val_evaluator
# camera motion (tools/test_pose.py) on the odometry clip, which has poses.txt
pose_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        type='ClipDataset',
        data_root=data_root,
        clips=['kitti_odom_06_first51'],
        offsets=(1,),
        poses_file='poses.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAdjacentFrames'),
            dict(type='LoadPoses'),
            dict(type='Resize', scale=scale),
            dict(type='PackDepthSegInputs'),
        ],
    ),
)
pose_evaluator = dict(type='PoseMetric', align='median', snippet=5)
