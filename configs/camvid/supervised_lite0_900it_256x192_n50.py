# Baseline: only 50 labelled images, with an encoder from ImageNet.
#   python tools/train.py THIS
_base_ = [
    '../_base_/models/seg_unet_lite0.py',
    '../_base_/datasets/camvid_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
model = dict(decode_head=dict(num_classes=11))
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
