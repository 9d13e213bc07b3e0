# Transfer alone, from depth learned on the highway clips (see
# transfer-depthmix_lite0_...).
_base_ = [
    './supervised_lite0_900it_256x192_n50.py',
    '../_base_/models/from_sde_udacity_lite0.py',
]
model = _base_.from_sde
