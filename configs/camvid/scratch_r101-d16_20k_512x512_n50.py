# Baseline: only the labelled images, from an ImageNet encoder.
#
# Other subsets: `labeled_subset` in configs/_base_/datasets/camvid_seg_512x512.py, or
#   python tools/train.py THIS --work-dir work_dirs/camvid_scratch_n100_seed25 \
#       --cfg-options randomness.seed=25 train_dataloader.dataset.labeled_subset.n=100 \
#       train_dataloader.dataset.labeled_subset.seed=25
_base_ = [
    '../_base_/models/seg_unet_r101-d16.py',
    '../_base_/datasets/camvid_seg_512x512.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_20k.py',
]
model = dict(decode_head=dict(num_classes=11))
default_hooks = dict(checkpoint=dict(interval=2000))
