# A small network for a CPU: ResNet-18 with 16 instead of 64 base channels, trained
# from scratch. disparity_bias, translation_factor, first_translation and
# difference_gain are chosen for that. UNetDepthHead and PoseNet explain how to choose
# them for other video.
encoder_channels = [16, 16, 32, 64, 128]
norm_cfg = dict(type='BN', requires_grad=True)
sde_input = dict(
    type='DepthSegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    keep_raw=True,
    color_jitter=dict(p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
)
backbone = dict(
    type='ResNet',
    depth=18,
    base_channels=16,
    stem_channels=16,
    # zero would switch off the residual branches at the start, which is slower from
    # scratch
    zero_init_residual=False,
    norm_cfg=norm_cfg,
)
depth_head = dict(
    type='UNetDepthHead',
    decoder=dict(
        type='UNetDecoder',
        in_channels=encoder_channels,
        channels=[16, 16, 32, 64, 64],
        aspp_rates=[1, 2, 3],
        aspp_dropout=0.1,
        # the figures in docs/ are of trainings that start so
        conv_init='kaiming',
    ),
    disparity_bias=-1.8,
)
pose_net = dict(
    type='PoseNet',
    backbone=dict(backbone, in_channels=6, out_stem=False),
    in_channels=128,
    channels=64,
    rotation_factor=0.05,
    translation_factor=0.1,
    first_translation=(0.0, 0.0, -0.016),
    difference_gain=10.0,
)
pose_refinement = dict(type='DirectPoseRefinement')
model = dict(
    type='DepthSegmentor',
    data_preprocessor=sde_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    backbone=backbone,
    depth_head=depth_head,
    pose_net=pose_net,
    pose_refinement=pose_refinement,
)
