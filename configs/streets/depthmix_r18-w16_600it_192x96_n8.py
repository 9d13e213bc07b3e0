# Mean teacher with DepthMix, from scratch: depth is used for mixing only.
_base_ = './classmix_r18-w16_600it_192x96_n8.py'
# see transfer-depthmix_... for the margin
model = dict(mixing=dict(_delete_=True, type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(datasets=[_base_.labeled, _base_.mix_with_depth]))
