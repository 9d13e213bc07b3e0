# Mean teacher with ClassMix, from scratch, on the frames that have no label.
_base_ = './classmix_r18-w16_600it_192x96_n8.py'
model = dict(ground_truth_mixing=False)
train_dataloader = dict(dataset=dict(datasets=[_base_.labeled, _base_.mix_unlabeled]))
