# Transfer alone: the few labelled frames, starting from self-supervised depth.
_base_ = [
    './supervised_r18-w16_600it_192x96_n8.py',
    '../_base_/models/from_sde_streets.py',
]
model = _base_.from_sde
