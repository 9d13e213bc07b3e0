# Baseline: only the labelled images, from an ImageNet encoder.
#
# Other subsets: `labeled_subset` in configs/_base_/datasets/cityscapes_seg.py, or
#   python tools/train.py THIS --work-dir work_dirs/scratch_n100_seed25 --cfg-options \
#       randomness.seed=25 train_dataloader.dataset.labeled_subset.n=100 \
#       train_dataloader.dataset.labeled_subset.seed=25
_base_ = [
    '../_base_/models/seg_unet_r101-d16.py',
    '../_base_/datasets/cityscapes_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_40k.py',
]
default_hooks = dict(checkpoint=dict(interval=4000))
