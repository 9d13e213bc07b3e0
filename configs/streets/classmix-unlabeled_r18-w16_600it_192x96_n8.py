# Mean teacher with ClassMix, from scratch, on the frames without labels.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='ClassMix'), ground_truth_mixing=False)
train_dataloader = dict(dataset=dict(sources=dict(mix=dict(subset_mode='exclude'))))
