# Transfer alone: the few labelled frames, starting from self-supervised depth, which
# started from ImageNet.
_base_ = [
    './supervised_lite0_900it_192x96_n8.py',
    '../_base_/models/from_sde_streets_lite0.py',
]
model = _base_.from_sde
