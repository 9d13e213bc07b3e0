# Transfer from the self-supervised depth of Cityscapes (see transfer-ema_...), and
# DepthMix by its depth labels (see scratch-depthmix-gt_...).
_base_ = [
    './scratch-ema_r101-d16_20k_512x512_n50.py',
    '../_base_/models/from_sde_cityscapes.py',
]
# see scratch-depthmix-gt_...
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
)
train_dataloader = dict(
    dataset=dict(sources=dict(mix=dict(_base_.with_depth, subset_mode='mark')))
)
