# Depth learned from true depth (stereo, LiDAR) instead of from video, as a start for
# transfer: what better depth could bring. Otherwise like sde_lite0_500it_192x96.py.
# Only the annotated frames of the streets have true depth.
_base_ = './sde_lite0_500it_192x96.py'
depth_range = dict(min_depth=2.0, max_depth=100.0)
model = dict(
    depth_head=dict(
        **depth_range,
        num_scales=1,
        loss_disparity=dict(type='BerHuLoss', threshold=0.2),
    ),
    pose_net=None,
    pose_refinement=None,
)
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadStereoDepth'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='DisparityFromDepth', unknown=None, **depth_range),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(
    dataset=dict(frames='annotated', offsets=(), pipeline=train_pipeline)
)
