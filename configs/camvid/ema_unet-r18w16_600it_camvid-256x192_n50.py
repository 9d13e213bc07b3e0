# Mean teacher without mixing: consistency under strong augmentation, from scratch.
_base_ = './classmix_unet-r18w16_600it_camvid-256x192_n50.py'
model = dict(mixing=dict(type='NoMix'))
