# Transfer from the self-supervised depth of Cityscapes (see transfer-ema_...), and
# DepthMix by its depth labels (see scratch-depthmix-gt_...).
_base_ = './transfer-classmix-gt_r101-d16_20k_512x512_n50.py'
model = dict(
    mixing=dict(_delete_=True, type='DepthMix', margin=0.03, relative_margin=True)
)
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled, dict(_base_.mix_all, **_base_.with_depth)])
)
