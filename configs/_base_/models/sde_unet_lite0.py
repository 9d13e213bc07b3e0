# EfficientNet-Lite0 from ImageNet, a depth decoder and the small pose net, which starts
# from scratch, for a CPU. The encoder is frozen, as in the first phase of the paper.
_base_ = ['./sde_unet_r18-w16.py', './lite0.py']
model = dict(
    data_preprocessor=_base_.lite0_input,
    backbone=dict(_base_.lite0, frozen_stages=5),
    depth_head=dict(
        decoder=_base_.lite0_decoder,
        # small weights: on levels with a standard deviation of 6 the sigmoid would
        # saturate at once, and depth would stay a constant
        disparity_std=0.002,
    ),
)
