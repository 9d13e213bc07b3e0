# Labelled images of a data set: what mapillary_seg.py, bdd100k_seg.py, ... share, at
# 512x512 crops. Their labels and folders are described in docs/data.md.
_base_ = './tta.py'
dataset_type = 'ImageLabelDataset'
crop_size = (512, 512)
# the shorter side has 576 to 864 pixels in training and 720 in tests; (long, short)
scale = (4096, 576)
test_scale = (4096, 720)
seeded = dict(type='SeedBySample')
load_image = dict(type='LoadImageFromFile')
# large jpg files are decoded smaller: no side below 864
load_train_image = dict(load_image, min_size=(864, 864))
load_label = dict(type='LoadSegLabel')
augment = [
    dict(type='RandomResize', scale=scale, ratio_range=(1.0, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
pack = dict(type='PackDepthSegInputs')
train_pipeline = [seeded, load_train_image, load_label, *augment, pack]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale, keep_ratio=True),
    # after Resize, so the ground truth stays at full resolution
    dict(type='LoadSegLabel', evaluate_at='label'),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [
    [dict(type='Resize', scale=test_scale, keep_ratio=True)],
    *_base_.mirrored,
]
tta_pipeline = [load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        labeled_subset=dict(),  # all that have a label; dict(n=100, seed=42): some
        require_labels=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,  # images have several sizes
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset_type, require_labels=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
# images that get depth labels, and the pool of a selection
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale, keep_ratio=True),
    dict(type='PackDepthSegInputs'),
]
predict_dataloader = dict(batch_size=1, num_workers=4, dataset=dict(type=dataset_type))
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = dict(val_evaluator, per_class=True)
