# The paper's multi-task network (exp. 212; 3W, section 3.4) and its mean teacher: the
# segmentation and the depth decoder exchange features at level 7, and a pose network.
_base_ = './mean_teacher_unet_r101-d16.py'
model = dict(
    # the photometric loss compares the original images
    data_preprocessor=dict(keep_raw=True),
    segmentor=dict(
        decode_head=dict(channels=None),
        depth_head=_base_.depth_head,
        distillation=dict(type='PADDistillation', level=7),
        pose_net=_base_.pose_net,
    ),
    # disparities from the network are stretched to [0, 1], so the paper's margin fits
    mixing=dict(type='DepthMix', margin=0.03),
    disparity='online',
    ground_truth_mixing=True,
)
