# EfficientNet-Lite0 from ImageNet and a decoder of its size, in the place of the small
# ResNet. The decoder takes the encoder's levels as they are, with a standard deviation
# of about 6, and has no norm: short trainings with few labels ended higher so, by two
# to four points of mIoU in single runs.
lite0_input = dict(mean=[127.0] * 3, std=[128.0] * 3)
lite0_channels = [16, 24, 40, 112, 320]
lite0 = dict(
    _delete_=True,
    type='EfficientNetLite',
    init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0'),
)
lite0_decoder = dict(in_channels=lite0_channels, channels=[16, 32, 32, 64, 128])
lite0_seg_head = dict(in_channels=lite0_channels, decoder=lite0_decoder)
# Options of a mean teacher, not the paper's: of each class the more confident half
# of the teacher's labels, none below 0.95 otherwise; a slower teacher than that of the
# small ResNet (docs/results.md)
few_labels = dict(
    loss_pseudo=dict(type='ConfidentPixelLoss', portion=0.5), ema=dict(decay=0.98)
)
