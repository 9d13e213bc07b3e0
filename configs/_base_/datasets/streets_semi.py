# Labelled frames and mix frames of the streets in one batch, 4 + 4 at 192x96. The mix
# frames are all training frames; those of the labelled subset carry their labels.
_base_ = './streets_seg.py'
labeled = dict(branch='labeled')
mix = dict(branch='mix', subset_mode='mark')
mix_unlabeled = dict(branch='mix', subset_mode='exclude')
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
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_counts=[4, 4]),
    dataset=dict(
        type='ConcatDataset',
        shared=dict(
            type=_base_.dataset_type,
            data_root=_base_.data_root,
            split='train',
            labeled_subset=_base_.labeled_subset,
            require_labels=True,
            pipeline=_base_.train_pipeline,
        ),
        datasets=[labeled, mix],
    ),
)
# for mixers that look at depth: the mix frames' depth labels
mix_pipeline = [*_base_.train_pipeline]
mix_pipeline.insert(3, dict(type='LoadSDEDisparity'))  # behind the label
mix_with_depth = dict(
    mix, pipeline=mix_pipeline, data_prefix=dict(sde_disparity_path='depth_labels')
)  # below data_root
