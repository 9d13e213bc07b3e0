# Labelled frames of your own clips; edit clips.py. Uses all frames that have a label,
# or those in a list written by tools/select_samples.py (ann_file).
_base_ = ['./clips.py', './tta.py']
# the middle of the training's scales: objects have the sizes that were learned
test_scale = (_base_.scale[0] * 5 // 4, _base_.scale[1] * 5 // 4)
seeded = dict(type='SeedBySample')
load_image = dict(type='LoadImageFromFile')
load_label = dict(type='LoadSegLabel')
augment = [
    # a random part of the frame
    dict(
        type='RandomResize',
        scale=_base_.scale,
        ratio_range=(1.0, 1.5),
        keep_ratio=False,
    ),
    dict(type='RandomCrop', crop_size=_base_.scale[::-1]),
    dict(type='RandomFlip', prob=0.5),
]
pack = dict(type='PackDepthSegInputs')
train_pipeline = [seeded, load_image, load_label, *augment, pack]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale),
    # after Resize, so the ground truth stays at full resolution
    dict(type='LoadSegLabel', evaluate_at='label'),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=test_scale)], *_base_.mirrored]
tta_pipeline = [load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
labeled_frames = dict(
    type=_base_.dataset_type,
    data_root=_base_.data_root,
    metainfo=dict(classes=_base_.classes),
    label_table=_base_.label_table,
    labeled_subset=dict(ann_file=None),  # None: all frames that have a label
    require_labels=True,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        labeled_frames, exclude_clips=_base_.val_clips, pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(labeled_frames, clips=_base_.val_clips, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = dict(val_evaluator, per_class=True)
