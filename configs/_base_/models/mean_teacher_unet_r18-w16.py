# The small segmentation network and its mean teacher, without mixing, for short
# trainings. Configs set `burn_in` of the MeanTeacherHook (iterations before mixing
# begins), because it depends on the training's length.
_base_ = './seg_unet_r18-w16.py'
model = dict(
    _delete_=True,
    type='MeanTeacher',
    data_preprocessor=_base_.seg_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    segmentor=dict(
        type='DepthSegmentor',
        backbone=_base_.backbone,
        decode_head=_base_.decode_head,
        test_cfg=_base_.model.test_cfg,
    ),
    mixing=dict(type='NoMix'),
    # the paper's hue (0.25) and blur (sigma up to 1.15) suit long trainings at 512x512
    strong_augmentation=[
        dict(
            type='BatchColorJitter',
            brightness=0.25,
            contrast=0.25,
            saturation=0.25,
            hue=0.05,
        ),
        dict(type='BatchGaussianBlur', sigma=(0.05, 0.4)),
    ],
    # 0.99 averages over too many steps for a short training
    ema=dict(decay=0.95),
)
