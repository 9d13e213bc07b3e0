# Like classmix_lite0_..., validated often on 40 frames, with the coverage and precision
# by class of predictions as confident as the loss wants (without its `portion`).
#   python tools/train.py THIS
#   python tools/analysis_tools/class_curves.py work_dirs/THIS --out curves.png
_base_ = './ema_lite0_900it_192x96_n8.py'
model = dict(mixing=dict(type='ClassMix'))
train_cfg = dict(val_interval=_base_.iterations // 12)
val_dataloader = dict(dataset=dict(labeled_subset=dict(n=40, seed=0)))
val_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], per_class=True),
    dict(type='PseudoLabelMetric', threshold=0.95),
]
