# Mean teacher with CutMix (a box), from scratch, no depth.
_base_ = './classmix_unet-r18w16_600it_streets-192x96_n8.py'
model = dict(mixing=dict(type='CutMix'))
