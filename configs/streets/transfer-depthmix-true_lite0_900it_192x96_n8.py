# Like transfer-depthmix_lite0_..., but mixing by true depth. The start can be from
# depth-true_lite0_500it_192x96.py as well, see configs/tables/streets_ladder.py.
_base_ = [
    './ema_lite0_900it_192x96_n8.py',
    '../_base_/models/from_sde_streets_lite0.py',
]
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_true_depth))
