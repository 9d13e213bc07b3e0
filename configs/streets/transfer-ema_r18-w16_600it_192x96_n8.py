# Transfer, and the mean teacher without mixing.
_base_ = './transfer-classmix_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='NoMix'))
