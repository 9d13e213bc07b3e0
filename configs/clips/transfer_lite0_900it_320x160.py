# Segmentation of your own clips from their labelled frames alone; encoder and decoder
# start from the depth network of configs/clips/sde_lite0_1k_320x160.py. (On the streets
# this was no better than the encoder from ImageNet: see docs/results.md.)
#   python tools/train.py THIS --work-dir work_dirs/transfer
_base_ = [
    './supervised_lite0_900it_320x160.py',
    '../_base_/models/from_sde_clips.py',
]
model = _base_.from_sde
