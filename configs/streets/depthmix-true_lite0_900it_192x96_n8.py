# Like depthmix_lite0_..., but by the true depth of the mix frames instead of that of a
# network: what better depth could bring to mixing.
_base_ = './ema_lite0_900it_192x96_n8.py'
model = dict(mixing=dict(type='DepthMix', margin=0.03, relative_margin=True))
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_true_depth))
