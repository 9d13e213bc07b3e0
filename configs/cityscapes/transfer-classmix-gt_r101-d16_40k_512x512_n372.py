# Transfer from self-supervised depth, and ClassMix; mix images are all training images,
# the labelled ones with their ground truth.
_base_ = './transfer-ema_r101-d16_40k_512x512_n372.py'
model = dict(mixing=dict(type='ClassMix'), ground_truth_mixing=True)
train_dataloader = dict(dataset=dict(datasets=[_base_.labeled, _base_.mix_all]))
