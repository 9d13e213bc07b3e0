# Labelled frames and mix frames of the streets in one batch, 4 + 4 at 192x96. The mix
# frames are all training frames; those of the labelled subset carry their labels.
_base_ = './streets_seg.py'
mix_video = dict(  # any frame of the clips, without labels
    branch='mix',
    frames='sequence',
    labeled_subset=None,
    require_labels=False,
    data_prefix=dict(seg_map_path=None),
)
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
# depth labels of the mix frames, for mixers that use depth
mix_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    dict(type='LoadSDEDisparity'),
    *_base_.augment,
    _base_.pack,
]
stretched_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    # each image's disparities fill [0, 1]
    dict(type='LoadSDEDisparity', stretch=True),
    *_base_.augment,
    _base_.pack,
]
with_depth = dict(
    pipeline=mix_pipeline, data_prefix=dict(sde_disparity_path='depth_labels')
)  # relative to data_root
with_stretched_depth = dict(with_depth, pipeline=stretched_pipeline)
# Mixing by true depth. With these bounds its disparities span about the range of the
# depth labels, for which the margins of the mixers are chosen.
true_depth_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    dict(type='LoadStereoDepth'),
    *_base_.augment,
    dict(type='DisparityFromDepth', min_depth=2.0, max_depth=100.0),
    _base_.pack,
]
with_true_depth = dict(pipeline=true_depth_pipeline)
# So many frames of the clips, all without labels: how many are needed? Those of the
# labelled subset are the first of them if both have the same seed.
mix_pool = dict(
    labeled_subset=dict(n=60, seed=7),
    subset_mode='keep',
    require_labels=False,
    data_prefix=dict(seg_map_path=None),
)
