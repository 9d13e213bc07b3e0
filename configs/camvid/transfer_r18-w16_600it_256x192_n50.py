# Transfer alone, from depth learned on the highway clips (see transfer-depthmix_...).
_base_ = [
    './supervised_r18-w16_600it_256x192_n50.py',
    '../_base_/models/from_sde_udacity.py',
]
model = _base_.from_sde
