# Second step: the networks still work at 192x96, but view synthesis compares at
# 384x192. Distant objects move by fractions of a pixel between frames. At 192x96
# interpolation changes images more than their wrong depth does.
#   python tools/train.py configs/streets/sde-coarse_r18-w16_700it_192x96.py
#   python tools/train.py THIS
_base_ = '../_base_/schedules/sde_streets_long.py'
iterations = 2200
load_from = 'work_dirs/sde-coarse_r18-w16_700it_192x96/iter_700.pth'
model = dict(
    data_preprocessor=dict(input_scale=0.5), pose_refinement=dict(iterations=3)
)
train_dataloader = dict(dataset=dict(pipeline=_base_.fine_pipeline))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
train_cfg = dict(max_iters=iterations, val_interval=iterations // 11)
default_hooks = dict(checkpoint=dict(interval=iterations // 11))
