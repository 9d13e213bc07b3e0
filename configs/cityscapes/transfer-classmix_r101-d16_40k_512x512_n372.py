# Transfer from self-supervised depth, and ClassMix on the images without labels.
_base_ = [
    './scratch-ema_r101-d16_40k_512x512_n372.py',
    '../_base_/models/from_sde_cityscapes.py',
]
model = dict(segmentor=_base_.from_sde, mixing=dict(type='ClassMix'))
