# Depth from your own video, with a frozen encoder from ImageNet, on a CPU or a small
# GPU. Put clips below data/clips (<clip>/frames/*.jpg and <clip>/intrinsics.json), or
# say where they are:
#   python tools/train.py THIS --cfg-options train_dataloader.dataset.data_root=DIR \
#       predict_dataloader.dataset.data_root=DIR
_base_ = [
    '../_base_/models/sde_unet_lite0.py',
    '../_base_/datasets/clips_sde.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sde_lite0_1k.py',
]
# a car at 15 m/s and 25 frames a second; see docs/own_video.md
model = dict(pose_net=dict(first_translation=(0.0, 0.0, -0.04)))
