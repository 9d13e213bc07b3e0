# Mean teacher with ClassMix, with an encoder from ImageNet, no depth.
_base_ = './ema_lite0_900it_256x192_n50.py'
model = dict(mixing=dict(type='ClassMix'))
