# What each part of the method adds, in order, with few labels: streets_lite0.py with
# twice the iterations and depth of a second phase, for mixing and for transfer.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './streets_lite0.py'
title = 'Streets at 192x96, 1,800 iterations from ImageNet weights'
iterations = 1800
phase2 = 'configs/streets/sde-phase2_lite0_900it_192x96.py'
prerequisites = [
    _base_.streets,
    _base_.phase1,
    dict(
        name='sde_phase2',
        train=phase2,
        needs=['sde'],
        options={
            **{
                key: value
                for key, value in _base_.phase1['options'].items()
                if key.startswith(('train_dataloader', 'val_'))
            },
            'load_from': '{sde}',
        },
    ),
    dict(
        name='depth_labels',
        depth_labels=phase2,
        checkpoint='{sde_phase2}',
        options={'predict_dataloader.dataset.data_root': _base_.clips},
    ),
]
length = {
    'train_cfg.max_iters': iterations,
    'train_cfg.val_interval': iterations,
    'default_hooks.checkpoint.interval': iterations // 2,
    'param_scheduler.0.end': iterations,
}
areas = '{work_dir}/areas'
known = {method['name']: method for method in _base_.methods}
methods = [
    dict(
        known[name],
        options={
            **{
                key: value.replace('{sde}', '{sde_phase2}')
                for key, value in known[name]['options'].items()
            },
            **length,
            **(
                {}
                if name in ('supervised', 'transfer')
                else {'default_hooks.mean_teacher.burn_in': iterations // 3}
            ),
            '+test_evaluator.areas_file': f'{areas}/{name}_n{{n}}_seed{{seed}}',
        },
    )
    for name in (
        'supervised',
        'classmix',
        'depthmix',
        'transfer',
        'transfer-depthmix',
        'multitask',
    )
]
del known
