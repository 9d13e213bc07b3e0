# The depth student of exp. 211 (3W, section 3.5): ResNet-50 from ImageNet at output
# stride 16, decoder "dec9" with batch norm, berHu loss on the teacher's disparity.
#
# The file is the same as torchvision://resnet50, for which MMEngine needs torchvision.
imagenet_r50 = 'https://download.pytorch.org/models/resnet50-0676ba61.pth'
encoder_channels = [64, 256, 512, 1024, 2048]
norm_cfg = dict(type='BN', requires_grad=True)
student_input = dict(
    type='DepthSegDataPreProcessor',
    # (x - 0.45) / 0.225 as in the authors' code, not MMSeg's ImageNet mean and std
    mean=[114.75] * 3,
    std=[57.375] * 3,
    bgr_to_rgb=True,
)
backbone = dict(
    type='ResNet',
    depth=50,
    strides=(1, 2, 2, 1),
    dilations=(1, 1, 1, 2),
    contract_dilation=True,
    norm_cfg=norm_cfg,
    init_cfg=dict(type='Pretrained', checkpoint=imagenet_r50),
)
decoder = dict(
    type='UNetDecoder',
    in_channels=encoder_channels,
    channels=[64, 64, 128, 128, 256],
    aspp_rates=[6, 12, 18],
    aspp_dropout=0.5,
    norm_cfg=norm_cfg,
)
model = dict(
    type='DepthSegmentor',
    data_preprocessor=student_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    backbone=backbone,
    depth_head=dict(
        type='UNetDepthHead',
        decoder=decoder,
        num_scales=1,
        loss_disparity=dict(type='BerHuLoss', threshold=0.2),
        valid_height=0.9,
    ),
)
