# Transfer from self-supervised depth, and ClassMix on the images that have no label.
_base_ = './transfer-ema_r101-d16_20k_512x512_n50.py'
model = dict(mixing=dict(type='ClassMix'))
