# Mean teacher without mixing: consistency under strong augmentation, from scratch.
_base_ = './classmix_r18-w16_600it_256x192_n50.py'
model = dict(mixing=dict(type='NoMix'))
