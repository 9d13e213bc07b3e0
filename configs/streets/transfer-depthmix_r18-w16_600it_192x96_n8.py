# The full method: encoder and decoder start from self-supervised depth, and the mean
# teacher mixes by the depth labels (tools/generate_depth.py).
_base_ = './transfer-classmix_r18-w16_600it_192x96_n8.py'
# disparities of this model lie between 0.015 and 0.33; the paper's margin of 0.03 is
# for disparities that fill [0, 1]
model = dict(mixing=dict(_delete_=True, type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(datasets=[_base_.labeled, _base_.mix_with_depth]))
