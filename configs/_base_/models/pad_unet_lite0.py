# The multi-task network with an encoder from ImageNet and its mean teacher: a
# segmentation and a depth decoder that exchange features, and a pose network.
_base_ = './mean_teacher_unet_lite0.py'
model = dict(
    # the photometric loss compares the original images
    data_preprocessor=dict(keep_raw=True),
    segmentor=dict(
        depth_head=_base_.depth_head,
        # Not the paper's head (decode_head.channels=None: no projection;
        # side_weight=0.5: a side classifier), which ends lower in short trainings with
        # few channels (configs/tables/streets_multitask.py)
        distillation=dict(type='PADDistillation', side_weight=0),
        pose_net=_base_.pose_net,
        pose_refinement=_base_.pose_refinement,
    ),
    # disparities from the network are stretched to [0, 1], so the paper's margin fits
    mixing=dict(type='DepthMix', margin=0.03),
    disparity='online',
)
