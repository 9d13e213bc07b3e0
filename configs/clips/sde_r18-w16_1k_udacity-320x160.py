# Depth from two highway clips, from scratch.
# Files: configs/_base_/datasets/clips_udacity_sde.py.
#   python tools/train.py THIS
_base_ = [
    '../_base_/models/sde_unet_r18-w16.py',
    '../_base_/datasets/clips_udacity_sde.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sde_1k.py',
]
# a car at 15 m/s and 25 frames a second; see docs/own_video.md
model = dict(pose_net=dict(first_translation=(0.0, 0.0, -0.04)))
