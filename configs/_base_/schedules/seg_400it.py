_base_ = './seg_600it.py'
iterations = 400
param_scheduler = [
    dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0., end=iterations)
]
train_cfg = dict(max_iters=iterations, val_interval=iterations // 2)
