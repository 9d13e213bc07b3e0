# Labelled images and mix images of Cityscapes in one batch, 2 + 2.
_base_ = './cityscapes_seg.py'
# train_dataloader.dataset.sources.mix.subset_mode selects the mix images: those without
# labels ('exclude'), all, the labelled ones with their labels ('mark'), or only the
# labelled ones ('keep').
mix_video = dict(  # any frame of the sequences, without labels
    branch='mix',
    frames='sequence',
    labeled_subset=None,
    require_labels=False,
    data_prefix=dict(seg_map_path=None),
)
# Depth labels of the mix images, for mixers that use depth. Make them with
# tools/generate_depth.py --out data/cityscapes_1024x512/depth_labels.
# The authors' code uses dict(type='LoadSDEDisparity', stretch=True).
mix_pipeline = [
    _base_.seeded,
    _base_.load_train_image,
    _base_.load_label,
    dict(type='LoadSDEDisparity'),
    *_base_.augment,
    _base_.pack,
]
with_depth = dict(
    pipeline=mix_pipeline, data_prefix=dict(sde_disparity_path='depth_labels')
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
