# Mean teacher with ClassMix on the images without labels.
_base_ = './scratch-ema_r101-d16_40k_512x512_n372.py'
model = dict(mixing=dict(type='ClassMix'))
