# Labelled and mix images of CamVid in one batch, 4 + 4. Mix images are all training
# images; those of the labelled subset carry their labels.
_base_ = './camvid_seg.py'
train_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=1,
    sampler=dict(type='MultiSourceSampler', source_counts=dict(labeled=4, mix=4)),
    dataset=dict(
        type='mmdepthseg.ConcatDataset',
        shared=dict(
            type=_base_.dataset_type,
            data_root=_base_.data_root,
            split='train',
            labeled_subset=_base_.labeled_subset,
            require_labels=True,
            pipeline=_base_.train_pipeline,
        ),
        sources=dict(
            labeled=dict(branch='labeled'),
            mix=dict(branch='mix', subset_mode='mark'),
        ),
    ),
)
# depth labels of the mix images, for mixers that use depth
mix_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    dict(type='LoadSDEDisparity'),
    *_base_.augment,
    _base_.pack,
]
with_depth = dict(
    pipeline=mix_pipeline, sde_disparity_dir='../camvid_depth_labels'
)  # relative to data_root
# images that get depth labels
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='PackDepthSegInputs'),
]
predict_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(type=_base_.dataset_type, data_root=_base_.data_root, split='train'),
)
