# Transfer from self-supervised depth, and ClassMix on the images that have no label.
_base_ = './transfer-ema_unet-r101-d16_20k_camvid-512x512_n50.py'
model = dict(mixing=dict(type='ClassMix'))
