# Depth from two highway clips, with a frozen encoder from ImageNet. Files:
# configs/_base_/datasets/clips_udacity_sde.py.
#   python tools/train.py THIS
_base_ = [
    '../_base_/models/sde_unet_lite0.py',
    '../_base_/datasets/clips_udacity_sde.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sde_lite0_1k.py',
]
# a car at 15 m/s and 25 frames a second; see docs/own_video.md
model = dict(pose_net=dict(first_translation=(0.0, 0.0, -0.04)))
