# Transfer from the self-supervised depth of Cityscapes, and the mean teacher without
# mixing. The depth network is that of
# configs/cityscapes/sde-phase2-fd_r101-d16_50k_512x512.py, or the authors' weights,
# converted by tools/model_converters/authors.py.
_base_ = [
    './scratch-ema_r101-d16_20k_512x512_n50.py',
    '../_base_/models/from_sde_cityscapes.py',
]
model = dict(segmentor=_base_.from_sde)
