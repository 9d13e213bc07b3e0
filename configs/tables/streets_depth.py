# What helps self-supervised depth from ImageNet weights, one change at a time: in the
# first phase (frozen encoder), in the second, which goes on from the first, and in a
# third, in which the networks see twice the size; longer ones, and frames two apart,
# with networks at 192x96, 256x128 and 384x192.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './streets_lite0.py'
title = 'Depth of the streets, 240 clips, from ImageNet weights'
seeds = [7]
label_counts = [0]
baseline = 'sde'
metrics = [
    dict(title='abs_rel', keys=['abs_rel'], decimals=3),
    dict(title='a1', keys=['a1'], decimals=3),
    dict(title='rmse, m', keys=['rmse'], decimals=2),
]
phase2_fd = 'configs/streets/sde-phase2-fd_lite0_900it_192x96.py'
phase2 = 'configs/streets/sde-phase2_lite0_900it_192x96.py'
phase3 = 'configs/streets/sde-phase3_lite0_600it_384x192.py'
# the same clips with four frames more each; validation is that of the others
longer = 'data/streets_240_9'
longer_clips = dict(
    name='longer_clips',
    command=f'tools/dataset_converters/streets.py --out {longer} --clips 240 '
    '--frames 9 --val-clips 1',
    outputs=[f'{longer}/streets.json'],
)
prerequisites = [_base_.streets, longer_clips]
data = {
    key: value
    for key, value in _base_.phase1['options'].items()
    if key.startswith(('train_dataloader', 'val_'))
}
data.update(
    {
        key.replace('val_', 'test_', 1): value
        for key, value in data.items()
        if key.startswith('val_')
    }
)
one_scale = {'+model.depth_head.num_scales': 1}
long = {
    **one_scale,
    'train_cfg.max_iters': 1200,
    'train_cfg.val_interval': 300,
    'default_hooks.checkpoint.interval': 600,
}
apart = {
    'train_dataloader.dataset.data_root': longer,
    # so that the weights of phase 1 fit another distance in time
    '+model.pose_net.per_frame': True,
    '+model.pose_refinement.max_shift': 0.06,
}
longest = {
    **one_scale,
    **apart,
    'train_dataloader.dataset.offsets': (-2, 2),
    'optim_wrapper.optimizer.lr': 5e-4,
    'train_cfg.max_iters': 900,
    'train_cfg.val_interval': 150,
    'default_hooks.checkpoint.interval': 450,
}
changes = {
    # name: meaning, config, the run whose weights it goes on from, options
    'sde': ('phase 1, 500 iterations', _base_.sde, None, {}),
    'scratch': (
        '... from scratch, small ResNet',
        'configs/streets/sde_r18-w16_500it_192x96.py',
        None,
        {},
    ),
    'one-scale': (
        '... loss at one scale, not four',
        _base_.sde,
        None,
        one_scale,
    ),
    'no-refinement': (
        '... pose not refined',
        _base_.sde,
        None,
        {'model.pose_refinement': None},
    ),
    'half-rate': (
        '... half the learning rate',
        _base_.sde,
        None,
        {'optim_wrapper.optimizer.lr': 5e-4},
    ),
    'twice-rate': (
        '... twice the learning rate',
        _base_.sde,
        None,
        {'optim_wrapper.optimizer.lr': 2e-3},
    ),
    'one-scale-twice-rate': (
        '... one scale and twice the learning rate',
        _base_.sde,
        None,
        {**one_scale, 'optim_wrapper.optimizer.lr': 2e-3},
    ),
    'phase2-fd': ('phase 2, 900 iterations more', phase2_fd, 'sde', {}),
    'phase2': (
        '... without feature distance',
        phase2_fd,
        'sde',
        {'model.loss_feature': None},
    ),
    'phase2-batches': (
        "... nor ImageNet's statistics of batch norm",
        phase2,
        'sde',
        {},
    ),
    'phase2-coarse': (
        '... view synthesis at 192x96, not 384x192',
        phase2_fd,
        'sde',
        {
            'model.data_preprocessor.input_scale': 1.0,
            'train_dataloader.dataset.pipeline.4.scale': '(192,96)',
        },
    ),
    'phase2-one-scale': (
        '... loss at one scale in both phases',
        phase2_fd,
        'one-scale',
        one_scale,
    ),
    'phase3': (
        'phase 3, networks at 384x192, 600 iterations more',
        phase3,
        'phase2-fd',
        {},
    ),
    'phase3-one-scale': (
        '... loss at one scale in all phases',
        phase3,
        'phase2-one-scale',
        one_scale,
    ),
    'long': (
        'phase 1, 1,200 iterations, one scale',
        _base_.sde,
        None,
        long,
    ),
    'long-phase2': (
        '... phase 2, 1,200 iterations more',
        phase2_fd,
        'long',
        long,
    ),
    'long-phase2-apart': (
        '... the same, from frames two apart instead of neighbours',
        phase2_fd,
        'long',
        {**long, **apart, 'train_dataloader.dataset.offsets': (-2, 2)},
    ),
    'long-phase2-both': (
        '...... 600 more from neighbours and frames two apart',
        phase2_fd,
        'long-phase2-apart',
        {
            **long,
            **apart,
            'train_dataloader.dataset.offsets': (-2, -1, 1, 2),
            'optim_wrapper.optimizer.lr': 2e-4,
            'train_cfg.max_iters': 600,
            'train_cfg.val_interval': 150,
            'default_hooks.checkpoint.interval': 300,
        },
    ),
    'long-phase3-apart': (
        '...... phase 3, networks at 256x128, 900 more from frames two apart',
        phase3,
        'long-phase2-apart',
        {
            **longest,
            # view synthesis compares at 384x192, as before
            '+model.data_preprocessor.input_scale': 2 / 3,
            'val_dataloader.dataset.pipeline.Resize.scale': (256, 128),
            'test_dataloader.dataset.pipeline.Resize.scale': (256, 128),
        },
    ),
    'long-phase4-apart': (
        '......... phase 4, networks at 384x192, 900 more',
        phase3,
        'long-phase3-apart',
        longest,
    ),
}
methods = [
    dict(
        name=name,
        title=meaning,
        config=config,
        needs=['streets', *(['longer_clips'] if longer in options.values() else [])],
        **(dict(after=after) if after else {}),
        options={**data, **({'load_from': '{after}'} if after else {}), **options},
    )
    for name, (meaning, config, after, options) in changes.items()
]
