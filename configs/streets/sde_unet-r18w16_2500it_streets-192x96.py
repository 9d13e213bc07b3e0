# The same for longer: about 25 minutes on one CPU core.
_base_ = './sde_unet-r18w16_500it_streets-192x96.py'
iterations = 2500
train_cfg = dict(max_iters=iterations, val_interval=iterations // 10)
default_hooks = dict(checkpoint=dict(interval=iterations // 10))
