# Baseline: only the few labelled frames, from scratch.
_base_ = [
    '../_base_/models/seg_unet_r18-w16.py',
    '../_base_/datasets/streets_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_600it.py',
]
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
