# Phase 2 for transfer to segmentation: everything learns, batch norm has the statistics
# of its batches, as it will in segmentation, and view synthesis compares at twice the
# size that the networks see. Without feature distance, which compares with features
# under ImageNet's statistics (docs/results.md).
#   python tools/train.py configs/streets/sde_lite0_500it_192x96.py
#   python tools/train.py THIS
_base_ = './sde_lite0_500it_192x96.py'
load_from = 'work_dirs/sde_lite0_500it_192x96/iter_500.pth'
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    data_preprocessor=dict(input_scale=0.5),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.fine_pipeline))
iterations = 900
# that of the pose net, too
encoders = {'backbone.': dict(lr_mult=0.2)}
optim_wrapper = dict(optimizer=dict(lr=5e-4), paramwise_cfg=dict(custom_keys=encoders))
train_cfg = dict(max_iters=iterations, val_interval=iterations // 6)
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
