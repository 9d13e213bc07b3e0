# Labelled frames and mix images of your own clips in one batch, 4 + 4; edit clips.py.
# Mix images are all frames, with their depth labels and, where they exist, labels.
_base_ = './clips_seg.py'
mix_pipeline = [
    _base_.seeded,
    _base_.load_image,
    _base_.load_label,
    dict(type='LoadSDEDisparity'),
    *_base_.augment,
    _base_.pack,
]
with_depth = dict(
    branch='mix',
    pipeline=mix_pipeline,
    sde_disparity_dir='../clips_depth_labels',  # relative to data_root
)
train_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=1,
    sampler=dict(type='MultiSourceSampler', source_counts=dict(labeled=4, mix=4)),
    dataset=dict(
        type='mmdepthseg.ConcatDataset',
        shared=dict(
            _base_.labeled_frames,
            exclude_clips=_base_.val_clips,
            pipeline=_base_.train_pipeline,
        ),
        sources=dict(
            labeled=dict(branch='labeled'),
            mix=dict(with_depth, subset_mode='mark'),
        ),
    ),
)
