# Mean teacher without mixing: consistency under strong augmentation, from scratch.
_base_ = './classmix_unet-r18w16_600it_streets-192x96_n8.py'
model = dict(mixing=dict(type='NoMix'))
