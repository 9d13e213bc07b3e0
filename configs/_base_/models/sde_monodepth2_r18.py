# Monodepth2's depth network (Godard et al., ICCV 2019): ResNet-18 at output stride 32,
# U-Net decoder without ASPP, pose network with ResNet-18; both encoders from ImageNet.
# Monodepth2's weights, converted by tools/model_converters/monodepth2.py, fit.
imagenet_r18 = 'https://download.pytorch.org/models/resnet18-f37072fd.pth'
norm_cfg = dict(type='BN', requires_grad=True)
sde_input = dict(
    type='DepthSegDataPreProcessor',
    # (x - 0.45) / 0.225
    mean=[114.75] * 3,
    std=[57.375] * 3,
    bgr_to_rgb=True,
    keep_raw=True,
    color_jitter=dict(p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
)
backbone = dict(
    type='ResNet',
    depth=18,
    norm_cfg=norm_cfg,
    init_cfg=dict(type='Pretrained', checkpoint=imagenet_r18),
)
model = dict(
    type='DepthSegmentor',
    data_preprocessor=sde_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    backbone=backbone,
    depth_head=dict(
        type='UNetDepthHead',
        decoder=dict(
            type='UNetDecoder',
            in_channels=[64, 64, 128, 256, 512],
            channels=[16, 32, 64, 128, 256],
            aspp_rates=None,
        ),
    ),
    pose_net=dict(
        type='PoseNet',
        backbone=dict(backbone, in_channels=6, out_stem=False),
        in_channels=512,
    ),
)
