# Depth and pose from scratch in a few hundred to a few thousand iterations, to the end
# of whatever `train_cfg.max_iters` says. The rate is for a decoder with batch norm; the
# pose network only follows the refined motions, at the papers' 1e-4: at five times that
# it runs away on empty roads.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-3),
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.05))))
# both from the start: their factors multiply, and a training may be shorter than 50
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, eta_min=0.)
]
