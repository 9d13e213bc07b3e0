# EfficientNet-Lite0 from ImageNet, a depth decoder and a small pose net, for a CPU.
# The encoder's features have a standard deviation of about 6. Without a norm layer the
# decoder saturates on them, and depth collapses to a constant. The pose net starts from
# scratch; sde_unet_r18-w16.py explains its numbers.
norm_cfg = dict(type='BN', requires_grad=True)
imagenet = dict(type='Pretrained', checkpoint='package://efficientnet-lite0')
encoder_channels = [16, 24, 40, 112, 320]
data_preprocessor = dict(
    type='DepthSegDataPreProcessor',
    mean=[127.0] * 3,
    std=[128.0] * 3,
    bgr_to_rgb=True,
    keep_raw=True,
    color_jitter=dict(p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
)
backbone = dict(type='EfficientNetLite', out_norm_cfg=norm_cfg, init_cfg=imagenet)
depth_head = dict(
    type='UNetDepthHead',
    decoder=dict(
        type='UNetDecoder',
        in_channels=encoder_channels,
        channels=[16, 32, 32, 64, 128],
        aspp_rates=[1, 2, 3],
        aspp_dropout=0.1,
    ),
    disparity_bias=-1.8,
)
pose_net = dict(
    type='PoseNet',
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=16,
        stem_channels=16,
        zero_init_residual=False,
        norm_cfg=norm_cfg,
        in_channels=6,
        out_stem=False,
    ),
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
    data_preprocessor=data_preprocessor,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    backbone=backbone,
    depth_head=depth_head,
    pose_net=pose_net,
    pose_refinement=pose_refinement,
)
