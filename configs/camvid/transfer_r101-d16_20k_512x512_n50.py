# Transfer alone: encoder and decoder start from the self-supervised depth of Cityscapes
# (see transfer-ema_...).
_base_ = [
    './scratch_r101-d16_20k_512x512_n50.py',
    '../_base_/models/from_sde_cityscapes.py',
]
model = _base_.from_sde
