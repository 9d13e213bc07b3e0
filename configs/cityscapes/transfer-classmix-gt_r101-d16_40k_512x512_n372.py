# Transfer from self-supervised depth, and ClassMix; mix images are all training images,
# the labelled ones with their ground truth.
_base_ = [
    './scratch-ema_r101-d16_40k_512x512_n372.py',
    '../_base_/models/from_sde_cityscapes.py',
]
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='ClassMix'),
    ground_truth_mixing=True,
)
train_dataloader = dict(dataset=dict(sources=dict(mix=dict(subset_mode='mark'))))
