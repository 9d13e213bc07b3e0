# CamVid, 11 classes, 50 labelled training images, at 256x192.
_base_ = './tta.py'
dataset_type = 'CamVidDataset'
data_root = 'data/camvid'
scale = (256, 192)
# the middle of the training's scales: objects have the sizes that were learned
test_scale = (320, 240)
labeled_subset = dict(n=50, seed=7)
seeded = dict(type='SeedBySample')
load_image = dict(type='LoadImageFromFile')
load_label = dict(type='LoadSegLabel')
augment = [
    dict(type='RandomResize', scale=scale, ratio_range=(1.0, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=scale[::-1]),
    dict(type='RandomFlip', prob=0.5),
]
pack = dict(type='PackDepthSegInputs')
train_pipeline = [seeded, load_image, load_label, *augment, pack]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale),
    # after Resize, so the ground truth stays at full resolution
    dict(type='LoadSegLabel'),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=test_scale)], *_base_.mirrored]
tta_pipeline = [load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        labeled_subset=labeled_subset,
        require_labels=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        require_labels=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = dict(val_evaluator, per_class=True)
