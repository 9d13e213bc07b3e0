# What each part of the method adds from ImageNet weights: 240 clips of the streets, of
# which about 1/30 and 1/8 are labelled, and 200 validation frames. 36 trainings of 900
# iterations, and one of self-supervised depth.
#   python tools/run_experiments.py THIS --jobs 2
title = 'Streets at 192x96, 900 iterations from ImageNet weights'
seeds = [7, 25, 42]
label_counts = [8, 30]
baseline = 'supervised'
clips = 'data/streets_240'
sde = 'configs/streets/sde_lite0_500it_192x96.py'
semi = 'configs/streets/{}_lite0_900it_192x96_n8.py'
streets = dict(
    name='streets',
    command=f'tools/dataset_converters/streets.py --out {clips} --clips 240 '
    '--val-clips 200',
    outputs=[f'{clips}/streets.json'],
)
phase1 = dict(
    name='sde',
    train=sde,
    needs=['streets'],
    options={
        'train_dataloader.dataset.data_root': clips,
        'val_dataloader.dataset.data_root': clips,
        'val_evaluator.baseline.dataset.data_root': clips,
        'val_evaluator.baseline.cache': 'work_dirs/baselines/streets_240.json',
        'train_cfg.max_iters': 1200,
        'train_cfg.val_interval': 300,
        'default_hooks.checkpoint.interval': 600,
    },
)
prerequisites = [
    streets,
    phase1,
    dict(
        name='depth_labels',
        depth_labels=sde,
        checkpoint='{sde}',
        options={'predict_dataloader.dataset.data_root': clips},
    ),
]
tested = {
    'val_dataloader.dataset.data_root': clips,
    'test_dataloader.dataset.data_root': clips,
}
alone = {**tested, 'train_dataloader.dataset.data_root': clips}
taught = {**tested, 'train_dataloader.dataset.shared.data_root': clips}
from_sde = {
    f'model.segmentor.{part}.init_cfg.checkpoint': '{sde}'
    for part in ('backbone', 'decode_head.decoder')
}
sources = 'train_dataloader.dataset.sources'
mix = f'{sources}.mix'
labels_for_mixing = {
    f'{sources}.{name}.data_prefix.sde_disparity_path': '{depth_labels}'
    for name in ('mix', 'paste')
}
methods = [
    dict(name='supervised', title='labelled frames only', options=alone),
    dict(name='classmix', title='mean teacher + ClassMix', options=taught),
    dict(
        name='depthmix',
        title='mean teacher + DepthMix',
        options={**taught, **labels_for_mixing},
    ),
    dict(
        name='transfer',
        title='transfer from SDE, labelled frames only',
        options={
            **alone,
            'model.backbone.init_cfg.checkpoint': '{sde}',
            'model.decode_head.decoder.init_cfg.checkpoint': '{sde}',
        },
    ),
    dict(
        name='transfer-depthmix',
        title='transfer + DepthMix',
        options={**taught, **from_sde, **labels_for_mixing},
    ),
    dict(
        name='multitask',
        title='transfer + DepthMix + multi-task learning',
        options={
            **taught,
            **from_sde,
            'model.segmentor.depth_head.init_cfg.checkpoint': '{sde}',
            'model.segmentor.pose_net.init_cfg.checkpoint': '{sde}',
        },
    ),
]
methods = [
    dict(method, config=semi.format(method['name']), needs=['streets'])
    for method in methods
]
