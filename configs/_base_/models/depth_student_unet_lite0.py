# A student of data selection with a frozen encoder from ImageNet: like
# depth_student_unet_r18-w16.py, it learns from the teacher's depth labels.
_base_ = './sde_unet_lite0.py'
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
