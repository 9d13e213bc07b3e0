# Baseline: only 50 labelled images, from scratch.
#   python tools/train.py THIS
# 600 more iterations, the baseline of depthmix-continued_...:
#   python tools/train.py THIS --work-dir work_dirs/supervised_continued \
#       --cfg-options optim_wrapper.optimizer.lr=1e-3 \
#       load_from=work_dirs/supervised_r18-w16_600it_256x192_n50/iter_600.pth
_base_ = [
    '../_base_/models/seg_unet_r18-w16.py',
    '../_base_/datasets/camvid_seg.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_600it.py',
]
model = dict(decode_head=dict(num_classes=11))
default_hooks = dict(checkpoint=dict(interval=_base_.iterations // 2))
