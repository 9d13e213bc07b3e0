# Baseline: only the few labelled frames, with an encoder from ImageNet.
_base_ = [
    '../_base_/models/seg_unet_lite0.py',
    '../_base_/datasets/streets_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
