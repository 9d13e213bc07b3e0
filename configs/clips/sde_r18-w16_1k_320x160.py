# Depth from your own video, from scratch, on a CPU or a small GPU. Put clips below
# data/clips (<clip>/frames/*.jpg and <clip>/intrinsics.json), or say where they are:
#   python tools/train.py THIS --cfg-options train_dataloader.dataset.data_root=DIR \
#       predict_dataloader.dataset.data_root=DIR
_base_ = [
    '../_base_/models/sde_unet_r18-w16.py',
    '../_base_/datasets/clips_sde.py',
    '../_base_/default_runtime.py',
]
# a car at 15 m/s and 25 frames a second; see docs/own_video.md
model = dict(pose_net=dict(first_translation=(0.0, 0.0, -0.04)))
iterations = 1000
# the papers' rate for the pose network; at five times that rate it diverged on empty
# roads
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys=dict(pose_net=dict(lr_mult=0.2))),
)
param_scheduler = [
    dict(
        type='MultiStepLR', by_epoch=False, milestones=[iterations * 3 // 4], gamma=0.2
    )
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
