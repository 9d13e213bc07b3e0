# Monodepth2's network on your own clips (see sde_r18-w16_1k_320x160.py), on a
# GPU, at the `monodepth2_scale` of configs/_base_/datasets/clips.py: from ImageNet
# weights, or from Monodepth2's own:
#   python tools/model_converters/monodepth2.py DOWNLOADED/mono_640x192 md2.pth
#   python tools/train.py THIS --cfg-options load_from=md2.pth
#   python tools/generate_depth.py THIS md2.pth --out DEPTH_LABELS
_base_ = [
    '../_base_/models/sde_monodepth2_r18.py',
    '../_base_/datasets/clips_sde.py',
    '../_base_/default_runtime.py',
]
scale = _base_.monodepth2_scale
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
test_pipeline = predict_pipeline
train_dataloader = dict(
    batch_size=12, num_workers=4, dataset=dict(pipeline=train_pipeline)
)
iterations = 10000
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = [
    dict(
        type='MultiStepLR', by_epoch=False, milestones=[iterations * 3 // 4], gamma=0.1
    )
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
