# Labelled and mix images of CamVid in one batch, 4 + 4. Mix images are all training
# images; those of the labelled subset carry their labels.
_base_ = './camvid_seg.py'
data_root = 'data/camvid'
scale = (256, 192)
labeled_subset = dict(n=50, seed=7)
labeled_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSegLabel'),
    dict(
        type='RandomResize', scale=scale, ratio_range=(1.0, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=scale[::-1]),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs')
]
source = dict(
    type='CamVidDataset',
    data_root=data_root,
    split='train',
    labeled_subset=labeled_subset,
    require_labels=True)
train_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_counts=[4, 4]),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(source, branch='labeled', pipeline=labeled_pipeline),
            dict(
                source,
                branch='mix',
                subset_mode='mark',
                pipeline=labeled_pipeline)
        ]))
