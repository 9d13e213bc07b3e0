# DepthMix for a network that already segments: 600 more iterations from the supervised
# baseline. (From scratch, a teacher of 300 iterations mistakes pavement for road, and
# the student never finds the pavement. For 600 more iterations without mixing, see
# supervised_...)
#   python tools/train.py \
#       configs/camvid/supervised_r18-w16_600it_256x192_n50.py
#   make depth labels as in transfer-depthmix_...; then python tools/train.py THIS
_base_ = './ema_r18-w16_600it_256x192_n50.py'
supervised = 'work_dirs/supervised_r18-w16_600it_256x192_n50/iter_600.pth'
model = dict(
    segmentor=dict(init_cfg=dict(type='Pretrained', checkpoint=supervised)),
    mixing=dict(type='DepthMix', margin=0.005),
)
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
default_hooks = dict(mean_teacher=dict(burn_in=0, rampup=150))
