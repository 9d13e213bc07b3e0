# The segmentation network with an encoder from ImageNet and its mean teacher.
_base_ = ['./mean_teacher_unet_r18-w16.py', './lite0.py']
model = dict(
    data_preprocessor=_base_.lite0_input,
    # Not the paper's: of each class the more confident half of the teacher's labels,
    # none below 0.95 otherwise; a slower teacher than that of the small ResNet (docs/
    # results.md)
    loss_pseudo=dict(type='ConfidentPixelLoss', portion=0.5),
    ema=dict(decay=0.98),
    segmentor=dict(backbone=_base_.lite0, decode_head=_base_.lite0_seg_head),
)
