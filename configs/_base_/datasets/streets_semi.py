# Labelled frames and mix frames of the streets in one batch, 4 + 4 at 192x96. The mix
# frames are all training frames; those of the labelled subset carry their labels.
_base_ = './streets_seg.py'
dataset_type = 'CityscapesSequenceDataset'
data_root = 'data/streets'
scale = (192, 96)
labeled_subset = dict(n=8, seed=7)
labeled_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSegLabel'),
    dict(
        type='RandomResize', scale=scale, ratio_range=(1.0, 1.75), keep_ratio=True),
    dict(type='RandomCrop', crop_size=scale[::-1]),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs')
]
mix_pipeline = labeled_pipeline
source = dict(
    type=dataset_type,
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
                pipeline=mix_pipeline)
        ]))
