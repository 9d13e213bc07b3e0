# Recommended for few labels: DepthMix from ImageNet, with what was seen to help on the
# streets (docs/results.md): the finished supervised network as the start, mixing from
# the first iteration on, of each class the more confident pixels, labelled frames among
# the mixed ones, and time.
#   python tools/train.py configs/streets/sde_lite0_500it_192x96.py
#   python tools/train.py configs/streets/sde-phase2_lite0_900it_192x96.py
#   python tools/generate_depth.py configs/streets/sde-phase2_lite0_900it_192x96.py \
#       work_dirs/sde-phase2_lite0_900it_192x96/iter_900.pth \
#       --out data/streets/depth_labels
#   python tools/train.py configs/streets/supervised_lite0_900it_192x96_n8.py \
#       --cfg-options train_cfg.max_iters=1800 param_scheduler.0.end=1800
#   python tools/train.py THIS
# A second round adds about a point; it starts from the student that this one ends with.
#   FIRST=work_dirs/few-labels_lite0_1800it_192x96_n8/iter_1800.pth
#   python tools/train.py THIS --work-dir work_dirs/second_round --cfg-options \
#       model.segmentor.init_cfg.checkpoint=$FIRST \
#       +model.segmentor.init_cfg.prefix=student.
_base_ = './ema_lite0_900it_192x96_n8.py'
iterations = 1800
model = dict(
    segmentor=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/supervised_lite0_900it_192x96_n8/iter_1800.pth',
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
    checkpoint=dict(interval=iterations // 2), mean_teacher=dict(burn_in=0)
)
