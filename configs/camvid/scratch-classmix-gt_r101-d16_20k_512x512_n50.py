# Mean teacher with ClassMix; mix images are all training images, the labelled ones with
# their ground truth.
_base_ = './scratch-ema_r101-d16_20k_512x512_n50.py'
model = dict(mixing=dict(type='ClassMix'), ground_truth_mixing=True)
train_dataloader = dict(dataset=dict(sources=dict(mix=dict(subset_mode='mark'))))
