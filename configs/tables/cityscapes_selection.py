# Table 3: which images to label. The baseline network on the authors' published lists.
# For lists of one's own see cityscapes_selection_own.py.
#   python tools/run_experiments.py THIS --gpus 0 1 2 3
title = 'Cityscapes val, single scale'
# the published lists have the seeds 42, 43, 44
seeds = [dict(seed=7, list=42), dict(seed=25, list=43), dict(seed=42, list=44)]
label_counts = [100, 372, 744]
baseline = 'random'
config = 'configs/cityscapes/{}_r101-d16_40k_512x512_n372.py'
ann_file = 'train_dataloader.dataset.labeled_subset.ann_file'
split = 'configs/_base_/splits/cityscapes/{}_seed{{list}}.txt'
methods = [
    dict(name='random', config=config.format('scratch')),
    dict(
        name='entropy',
        title='entropy (active learning, needs labels)',
        config=config.format('sel-ent-scratch'),
        options={ann_file: split.format('ent')},
    ),
    dict(
        name='us',
        title='depth uncertainty (US)',
        config=config.format('sel-us-scratch'),
        options={ann_file: split.format('us')},
    ),
    dict(
        name='ds',
        title='diversity (DS)',
        config=config.format('sel-ds-scratch'),
        options={ann_file: split.format('ds')},
    ),
    dict(
        name='ds_us',
        title='diversity and depth uncertainty (DS + US)',
        config=config.format('sel-scratch'),
        options={ann_file: split.format('ds_us')},
    ),
]
# the paper's protocol and full resolution
tests = [
    dict(
        name='paper',
        options={'test_dataloader.dataset.pipeline.LoadSegLabel.evaluate_at': 'image'},
    ),
    dict(name='full'),
]
metrics = [
    dict(
        title="mIoU % at 1024x512 (the paper's protocol)", keys=['mIoU'], test='paper'
    ),
    dict(title='mIoU % at 2048x1024', keys=['mIoU'], test='full'),
]
options = {'default_hooks.checkpoint.max_keep_ckpts': 1}
