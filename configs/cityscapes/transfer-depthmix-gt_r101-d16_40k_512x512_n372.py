# Transfer from self-supervised depth, and DepthMix; mix images are all training images,
# the labelled ones with their ground truth. The paper's method without data selection.
_base_ = './transfer-ema_r101-d16_40k_512x512_n372.py'
# see scratch-depthmix-gt_...
model = dict(
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
)
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled, dict(_base_.mix_all, **_base_.with_depth)])
)
