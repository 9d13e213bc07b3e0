# Mean teacher without mixing: consistency under strong augmentation, from scratch.
_base_ = './classmix_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='NoMix'))
