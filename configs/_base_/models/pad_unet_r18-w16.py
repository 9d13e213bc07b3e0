# The small multi-task network and its mean teacher: a segmentation and a depth decoder
# that exchange features, and a pose network.
_base_ = './mean_teacher_unet_r18-w16.py'
model = dict(
    # the photometric loss compares the images as they are
    data_preprocessor=dict(keep_raw=True),
    segmentor=dict(
        depth_head=_base_.depth_head,
        # Not the paper's head (no projection: decode_head.channels=None; a side
        # classifier: side_weight=0.5): in short trainings from few channels that one
        # ends lower (configs/tables/streets_multitask.py)
        distillation=dict(type='PADDistillation', side_weight=0),
        pose_net=_base_.pose_net,
        pose_refinement=_base_.pose_refinement,
    ),
    # disparities from the network are stretched to [0, 1]: the paper's margin
    mixing=dict(type='DepthMix', margin=0.03),
    disparity='online',
)
