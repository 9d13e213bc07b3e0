# Mean teacher with ClassMix on the images without labels.
_base_ = './scratch-ema_r101-d16_20k_512x512_n50.py'
model = dict(mixing=dict(type='ClassMix'))
