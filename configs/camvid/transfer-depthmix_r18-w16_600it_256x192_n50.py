# Transfer from depth learned on the highway clips, and DepthMix by its depth labels:
#   python tools/train.py configs/clips/sde_r18-w16_1k_udacity-320x160.py
#   python tools/generate_depth.py THIS \
#       work_dirs/sde_r18-w16_1k_udacity-320x160/iter_1000.pth \
#       --model-config configs/clips/sde_r18-w16_1k_udacity-320x160.py \
#       --out data/camvid_depth_labels
#   python tools/train.py THIS
_base_ = [
    './ema_r18-w16_600it_256x192_n50.py',
    '../_base_/models/from_sde_udacity.py',
]
# disparities of this model fill only a part of [0, 1]; the paper's margin of 0.03 is
# for disparities that fill it
model = dict(segmentor=_base_.from_sde, mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.with_depth)))
