# Segmentation of your own clips from their labelled frames alone, with an encoder from
# ImageNet. Files, classes and clips: configs/_base_/datasets/clips.py.
#   python tools/train.py THIS --work-dir work_dirs/supervised
_base_ = [
    '../_base_/models/seg_unet_lite0.py',
    '../_base_/datasets/clips_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_lite0_900it.py',
]
model = dict(decode_head=dict(num_classes=len(_base_.classes)))
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
