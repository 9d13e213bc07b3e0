# The paper's schedule for CamVid: half as long as for Cityscapes.
_base_ = './seg_40k.py'
iterations = 20000
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=False, milestones=[15000], gamma=0.1)
]
train_cfg = dict(max_iters=iterations, val_interval=2000)
