# The full method from ImageNet: transfer from depth learned on the highway clips, and
# DepthMix by its depth labels:
#   python tools/train.py configs/clips/sde_lite0_1k_udacity-320x160.py
#   python tools/generate_depth.py THIS \
#       work_dirs/sde_lite0_1k_udacity-320x160/iter_1000.pth \
#       --model-config configs/clips/sde_lite0_1k_udacity-320x160.py \
#       --out data/camvid_depth_labels
#   python tools/train.py THIS
_base_ = [
    './ema_lite0_900it_256x192_n50.py',
    '../_base_/models/from_sde_udacity_lite0.py',
]
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
)
train_dataloader = dict(dataset=dict(sources=_base_.mixed_with_depth))
