# The paper's depth network (3W, section 3.1): ResNet-101 at output stride 16, U-Net
# decoder with ASPP, pose network with ResNet-18; both encoders from ImageNet. The
# authors' weights, converted by tools/model_converters/authors.py, fit.
#
# The files are the same as torchvision://resnet101 and torchvision://resnet18, for
# which MMEngine needs torchvision.
imagenet_r101 = 'https://download.pytorch.org/models/resnet101-63fe2227.pth'
imagenet_r18 = 'https://download.pytorch.org/models/resnet18-f37072fd.pth'
encoder_channels = [64, 256, 512, 1024, 2048]
norm_cfg = dict(type='BN', requires_grad=True)
sde_input = dict(
    type='DepthSegDataPreProcessor',
    # (x - 0.45) / 0.225 as in the authors' code, not MMSeg's ImageNet mean and std
    mean=[114.75] * 3,
    std=[57.375] * 3,
    bgr_to_rgb=True,
    keep_raw=True,
    color_jitter=dict(p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
)
backbone = dict(
    type='ResNet',
    depth=101,
    strides=(1, 2, 2, 1),
    dilations=(1, 1, 1, 2),
    contract_dilation=True,
    norm_cfg=norm_cfg,
    init_cfg=dict(type='Pretrained', checkpoint=imagenet_r101),
)
depth_head = dict(
    type='UNetDepthHead',
    # "dec5" in phase 1, "dec6" in phase 2
    decoder=dict(
        type='UNetDecoder',
        in_channels=encoder_channels,
        channels=[64, 128, 128, 256, 256],
        aspp_rates=[6, 12, 18],
        aspp_dropout=0.5,
    ),
)
pose_net = dict(
    type='PoseNet',
    backbone=dict(
        type='ResNet',
        depth=18,
        in_channels=6,
        out_stem=False,
        norm_cfg=norm_cfg,
        # its first convolution is repeated for the two images and halved
        init_cfg=dict(type='Pretrained', checkpoint=imagenet_r18),
    ),
    in_channels=512,
)
model = dict(
    type='DepthSegmentor',
    data_preprocessor=sde_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    backbone=backbone,
    depth_head=depth_head,
    pose_net=pose_net,
)
