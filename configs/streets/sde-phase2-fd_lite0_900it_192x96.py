# Phase 2: everything learns, the encoder is kept near its features of ImageNet, and
# view synthesis compares at twice the size that the networks see.
#   python tools/train.py configs/streets/sde_lite0_500it_192x96.py
#   python tools/train.py THIS
_base_ = ['./sde_lite0_500it_192x96.py', '../_base_/models/phase2_lite0.py']
load_from = 'work_dirs/sde_lite0_500it_192x96/iter_500.pth'
model = dict(data_preprocessor=dict(input_scale=0.5), **_base_.phase2)
train_dataloader = dict(dataset=dict(pipeline=_base_.fine_pipeline))
iterations = 900
optim_wrapper = dict(optimizer=dict(lr=5e-4), paramwise_cfg=_base_.phase2_encoders)
train_cfg = dict(max_iters=iterations, val_interval=iterations // 6)
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
