# Mean teacher with CutMix (a box), with an encoder from ImageNet, no depth.
_base_ = './ema_lite0_900it_192x96_n8.py'
model = dict(mixing=dict(type='CutMix'))
