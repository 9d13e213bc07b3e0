# Labelled frames and mix frames of the streets in one batch, 4 + 4 at 192x96. The mix
# frames are all training frames; those of the labelled subset carry their labels.
_base_ = './streets_seg.py'
source = dict(
    type=_base_.dataset_type,
    data_root=_base_.data_root,
    split='train',
    labeled_subset=_base_.labeled_subset,
    require_labels=True,
    pipeline=_base_.train_pipeline)
train_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_counts=[4, 4]),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(source, branch='labeled'),
            dict(source, branch='mix', subset_mode='mark')
        ]))
