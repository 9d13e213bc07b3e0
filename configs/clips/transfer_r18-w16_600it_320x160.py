# Segmentation of your own clips from their labelled frames alone; encoder and decoder
# start from the depth network of configs/clips/sde_r18-w16_1k_320x160.py.
#   python tools/train.py THIS --work-dir work_dirs/transfer
_base_ = [
    './supervised_r18-w16_600it_320x160.py',
    '../_base_/models/from_sde_clips.py',
]
model = _base_.from_sde
