# A student of data selection: the small depth network, without a pose network. It
# learns from the teacher's depth labels with the berHu loss; the ego vehicle is
# left out.
_base_ = './sde_unet_r18-w16.py'
model = dict(
    data_preprocessor=dict(keep_raw=False, color_jitter=None),
    depth_head=dict(
        num_scales=1,
        disparity_bias=0.0,
        loss_disparity=dict(type='BerHuLoss', threshold=0.2),
        valid_height=0.9,
    ),
    pose_net=None,
    pose_refinement=None,
)
