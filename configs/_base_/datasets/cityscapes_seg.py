# Labelled images of Cityscapes, 512x512 crops of 1024x512, from the copy that
# tools/dataset_converters/cityscapes.py makes; with data_root='data/cityscapes' the
# full-size images work too, but load more slowly.
_base_ = './tta.py'
dataset_type = 'CityscapesSequenceDataset'
data_root = 'data/cityscapes_1024x512'
scale = (1024, 512)
crop_size = (512, 512)
# The first n of a seeded permutation of the 2,975 training images. The paper's n: 100,
# 372, 744, 2975; its seeds: 7, 25, 42. A list instead (see ../splits/README.md):
# dict(ann_file='configs/_base_/splits/cityscapes/ds_us_seed42.txt', n=372)
labeled_subset = dict(n=372, seed=7)
seeded = dict(type='SeedBySample')
load_image = dict(type='LoadImageFromFile')
# jpg files of twice that size and more are decoded smaller
load_train_image = dict(load_image, min_size=scale)
load_label = dict(type='LoadSegLabel')
augment = [
    dict(type='Resize', scale=scale),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
pack = dict(type='PackDepthSegInputs')
train_pipeline = [seeded, load_train_image, load_label, *augment, pack]
# Validation follows the paper: prediction and ground truth at 1024x512.
val_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSegLabel', evaluate_at='image'),
    dict(type='PackDepthSegInputs'),
]
# tools/test.py compares at 2048x1024, with the labels of the original data set.
full_labels = '../cityscapes/gtFine/{split}'  # relative to data_root
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSegLabel', evaluate_at='label'),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=scale)], *_base_.mirrored]
tta_pipeline = [load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
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
    batch_size=4,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        require_labels=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        data_prefix=dict(seg_map_path=full_labels),
        require_labels=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = dict(val_evaluator, per_class=True)
