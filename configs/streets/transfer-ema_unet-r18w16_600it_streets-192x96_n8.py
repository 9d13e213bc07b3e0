# Transfer, and the mean teacher without mixing.
_base_ = './transfer-classmix_unet-r18w16_600it_streets-192x96_n8.py'
model = dict(mixing=dict(type='NoMix'))
