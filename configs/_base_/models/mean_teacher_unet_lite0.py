# The segmentation network with an encoder from ImageNet and its mean teacher.
_base_ = ['./mean_teacher_unet_r18-w16.py', './lite0.py']
model = dict(
    data_preprocessor=_base_.lite0_input,
    **_base_.few_labels,
    segmentor=dict(backbone=_base_.lite0, decode_head=_base_.lite0_seg_head),
)
