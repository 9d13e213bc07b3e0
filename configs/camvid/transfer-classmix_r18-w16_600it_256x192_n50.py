# Transfer from depth learned on the highway clips (see transfer-depthmix_...), and
# ClassMix: no depth labels are needed.
_base_ = [
    './ema_r18-w16_600it_256x192_n50.py',
    '../_base_/models/from_sde_udacity.py',
]
model = dict(segmentor=_base_.from_sde, mixing=dict(type='ClassMix'))
