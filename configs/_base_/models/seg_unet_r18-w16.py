# The segmentation counterpart of sde_unet_r18-w16.py: same encoder, and a decoder of
# the depth decoder's form, so that both can start from an SDE checkpoint.
encoder_channels = [16, 16, 32, 64, 128]
norm_cfg = dict(type='BN', requires_grad=True)
data_preprocessor = dict(
    type='DepthSegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True)
model = dict(
    type='DepthSegmentor',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=16,
        stem_channels=16,
        zero_init_residual=False,
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='UNetSegHead',
        in_channels=encoder_channels,
        decoder=dict(
            type='UNetDecoder',
            channels=[16, 16, 32, 64, 64],
            aspp_rates=[1, 2, 3],
            aspp_dropout=0.1),
        channels=32,
        num_classes=19,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    test_cfg=dict(mode='whole'))
