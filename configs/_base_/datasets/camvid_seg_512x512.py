# CamVid, 11 classes, at the paper's setting: 512x512 crops of 672x512.
_base_ = './camvid_seg.py'
scale = (672, 512)
crop_size = (512, 512)
# The first n of a seeded permutation of the 367 training images. The paper's n: 50,
# 100, 367; its seeds: 7, 25, 42. A list instead (see ../splits/README.md):
# dict(ann_file='configs/_base_/splits/camvid/ds_us_seed42.txt', n=50)
labeled_subset = dict(n=50, seed=7)
augment = [
    dict(type='Resize', scale=scale),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
train_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    *augment,
    _base_.pack,
]
# As on Cityscapes, validation compares at 672x512 and tools/test.py at the label's
# size. As in the authors' code, figures are those of the 233 test images; the 101 of
# val are for choosing.
val_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSegLabel', evaluate_at='image'),
    dict(type='PackDepthSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSegLabel', evaluate_at='label'),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [[dict(type='Resize', scale=scale)], *_base_.mirrored]
tta_pipeline = [_base_.load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    dataset=dict(labeled_subset=labeled_subset, pipeline=train_pipeline),
)
val_dataloader = dict(batch_size=4, num_workers=4, dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(
    batch_size=4, num_workers=4, dataset=dict(split='test', pipeline=test_pipeline)
)
