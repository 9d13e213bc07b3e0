# The full method from ImageNet: encoder and decoder start from self-supervised depth,
# and the mean teacher mixes by the depth labels (tools/generate_depth.py).
_base_ = [
    './ema_lite0_900it_192x96_n8.py',
    '../_base_/models/from_sde_streets_lite0.py',
]
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_depth))
