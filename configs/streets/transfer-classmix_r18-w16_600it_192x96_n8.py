# Transfer with ClassMix instead of DepthMix: no depth labels are needed.
_base_ = [
    './ema_r18-w16_600it_192x96_n8.py',
    '../_base_/models/from_sde_streets.py',
]
model = dict(segmentor=_base_.from_sde, mixing=dict(type='ClassMix'))
