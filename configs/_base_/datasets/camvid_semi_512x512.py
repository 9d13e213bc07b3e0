# Labelled images and mix images of CamVid in one batch, 2 + 2, at the paper's setting.
_base_ = './camvid_seg_512x512.py'
# Depth labels of the mix images, for mixers that use depth.
mix_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    dict(type='LoadSDEDisparity'),
    *_base_.augment,
    _base_.pack,
]
with_depth = dict(
    pipeline=mix_pipeline, sde_disparity_dir='../camvid_depth_labels_672x512'
)  # relative to data_root
train_dataloader = dict(
    _delete_=True,
    batch_size=4,
    num_workers=4,
    sampler=dict(type='MultiSourceSampler', source_counts=dict(labeled=2, mix=2)),
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
            mix=dict(branch='mix', subset_mode='exclude'),
        ),
    ),
)
# images that get depth labels
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='PackDepthSegInputs'),
]
predict_dataloader = dict(
    batch_size=4,
    num_workers=4,
    dataset=dict(type=_base_.dataset_type, data_root=_base_.data_root, split='train'),
)
