# EfficientNet-Lite0 from ImageNet, a depth decoder and the small pose net, which starts
# from scratch, for a CPU.
_base_ = ['./sde_unet_r18-w16.py', './lite0.py']
model = dict(
    data_preprocessor=_base_.lite0_input,
    backbone=_base_.lite0,
    depth_head=dict(decoder=_base_.lite0_decoder),
)
