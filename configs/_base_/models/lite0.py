# EfficientNet-Lite0 from ImageNet and a decoder of its size, in the place of the small
# ResNet. The encoder's features have a standard deviation of about 6. Without the norm
# of its levels a depth decoder saturates on them, and depth collapses to a constant.
lite0_input = dict(mean=[127.0] * 3, std=[128.0] * 3)
lite0_channels = [16, 24, 40, 112, 320]
lite0 = dict(
    _delete_=True,
    type='EfficientNetLite',
    out_norm_cfg=dict(type='BN', requires_grad=True),
    init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0'),
)
lite0_decoder = dict(in_channels=lite0_channels, channels=[16, 32, 32, 64, 128])
lite0_seg_head = dict(in_channels=lite0_channels, decoder=lite0_decoder)
