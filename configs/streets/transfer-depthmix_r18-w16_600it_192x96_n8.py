# The full method: encoder and decoder start from self-supervised depth, and the mean
# teacher mixes by the depth labels (tools/generate_depth.py).
_base_ = [
    './ema_r18-w16_600it_192x96_n8.py',
    '../_base_/models/from_sde_streets.py',
]
# disparities of this model lie between 0.015 and 0.33; the paper's margin of 0.03 is
# for disparities that fill [0, 1]
model = dict(segmentor=_base_.from_sde, mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
