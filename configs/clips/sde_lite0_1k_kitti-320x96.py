# Depth from two KITTI clips, with a frozen encoder from ImageNet; validation against
# LiDAR. Files: configs/_base_/datasets/clips_kitti_sde.py.
#   python tools/train.py THIS
_base_ = [
    '../_base_/models/sde_unet_lite0.py',
    '../_base_/datasets/clips_kitti_sde.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sde_lite0_1k.py',
]
# a car at 15 m/s and 25 frames a second; see docs/own_video.md
model = dict(pose_net=dict(first_translation=(0.0, 0.0, -0.04)))
train_cfg = dict(val_interval=_base_.iterations // 4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
