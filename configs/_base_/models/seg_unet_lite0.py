# The segmentation counterpart of sde_unet_lite0.py; it can start from its checkpoint.
_base_ = ['./seg_unet_r18-w16.py', './lite0.py']
model = dict(
    data_preprocessor=_base_.lite0_input,
    backbone=_base_.lite0,
    decode_head=_base_.lite0_seg_head,
)
