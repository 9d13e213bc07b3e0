# Recommended for few labels: transfer + DepthMix from ImageNet, with what was seen to
# help on the streets (docs/results.md): of each class the more confident pixels,
# labelled frames among the mixed ones, and time. The depth of phase 2, whose batch norm
# has the statistics of its batches, did not hurt transfer as that of phase 1 did;
# whether transfer gains at all is open.
#   python tools/train.py configs/streets/sde_lite0_500it_192x96.py
#   python tools/train.py configs/streets/sde-phase2_lite0_900it_192x96.py
#   python tools/generate_depth.py configs/streets/sde-phase2_lite0_900it_192x96.py \
#       work_dirs/sde-phase2_lite0_900it_192x96/iter_900.pth \
#       --out data/streets/depth_labels
#   python tools/train.py THIS
_base_ = './ema_lite0_900it_192x96_n8.py'
iterations = 1800
init = dict(
    type='Pretrained',
    checkpoint='work_dirs/sde-phase2_lite0_900it_192x96/iter_900.pth',
)
model = dict(
    segmentor=dict(
        backbone=dict(init_cfg=dict(init, prefix='backbone.')),
        decode_head=dict(
            decoder=dict(init_cfg=dict(init, prefix='depth_head.decoder.'))
        ),
    ),
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_depth))
param_scheduler = [
    dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0.0, end=iterations)
]
train_cfg = dict(max_iters=iterations, val_interval=iterations)
default_hooks = dict(
    checkpoint=dict(interval=iterations // 2),
    mean_teacher=dict(burn_in=iterations // 3),
)
