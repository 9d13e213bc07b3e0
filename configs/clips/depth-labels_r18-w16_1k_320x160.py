# Depth from depth labels, such as tools/import_depth.py makes of maps that you have: a
# network to transfer from, in the place of that of sde_r18-w16_1k_320x160.py.
#   python tools/train.py THIS --work-dir work_dirs/sde
#   python tools/train.py configs/clips/transfer_r18-w16_600it_320x160.py
_base_ = [
    '../_base_/models/depth_student_unet_r18-w16.py',
    '../_base_/datasets/clips_select.py',
    '../_base_/default_runtime.py',
]
# no ego vehicle is left out
model = dict(depth_head=dict(valid_height=1.0))
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSDEDisparity'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
train_dataloader = dict(
    dataset=dict(
        sde_disparity_dir='../clips_depth_labels',  # relative to data_root
        pipeline=train_pipeline,
    )
)
iterations = 1000
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(
        type='MultiStepLR', by_epoch=False, milestones=[iterations * 3 // 4], gamma=0.2
    )
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
