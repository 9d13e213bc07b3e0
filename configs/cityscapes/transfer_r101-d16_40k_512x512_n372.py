# Transfer alone: encoder and decoder start from self-supervised depth.
_base_ = [
    './scratch_r101-d16_40k_512x512_n372.py',
    '../_base_/models/from_sde_cityscapes.py',
]
model = _base_.from_sde
