# Mean teacher with ClassMix, from scratch, no depth.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='ClassMix'))
