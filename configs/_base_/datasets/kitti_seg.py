# The 200 labelled images of KITTI, the 19 classes of Cityscapes; 40 are for validation.
_base_ = './images_seg.py'
crop_size = (352, 704)
scale = (1242, 375)
test_scale = (1552, 468)
augment = [
    dict(type='RandomResize', scale=scale, ratio_range=(1.0, 1.5), keep_ratio=True),
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
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale, keep_ratio=True),
    dict(type='LoadSegLabel', evaluate_at='label'),
    dict(type='PackDepthSegInputs'),
]
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale, keep_ratio=True),
    dict(type='PackDepthSegInputs'),
]
tta_transforms = [
    [dict(type='Resize', scale=test_scale, keep_ratio=True)],
    *_base_.mirrored,
]
tta_pipeline = [_base_.load_image, dict(type='TestTimeAug', transforms=tta_transforms)]
images = dict(
    data_root='data/kitti_semantics',
    data_prefix=dict(img_path='training/image_2', seg_map_path='training/semantic'),
    img_suffix='.png',
    label_table='cityscapes_label_ids',
)
train_images = dict(ann_file='configs/_base_/splits/kitti/train.txt')
val_images = dict(ann_file='configs/_base_/splits/kitti/val.txt')
train_dataloader = dict(
    dataset=dict(images, labeled_subset=train_images, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(images, labeled_subset=val_images, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=images)
