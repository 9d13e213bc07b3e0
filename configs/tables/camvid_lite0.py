# What mixing adds on CamVid from ImageNet weights. Its depth is that of
# camvid_methods.py, of a network from scratch. A mean teacher's iteration costs about
# two supervised ones, so supervised-x2 is the baseline of the same compute.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './camvid_methods.py'
title = 'CamVid val (101 images) at 256x192, 900 iterations from ImageNet weights'
semi = 'configs/camvid/{}_lite0_900it_256x192_n50.py'
iterations = 900
labels_for_mixing = {
    f'train_dataloader.dataset.sources.{name}.sde_disparity_dir': '{depth_labels}'
    for name in ('mix', 'paste')
}
twice = {
    'train_cfg.max_iters': 2 * iterations,
    'train_cfg.val_interval': 2 * iterations,
    'default_hooks.checkpoint.interval': iterations,
    'param_scheduler.0.end': 2 * iterations,
}
chosen = ('supervised', 'classmix', 'depthmix')
methods = [
    dict(
        method,
        config=semi.format(method['name']),
        options={
            **method.get('options', {}),
            **(labels_for_mixing if 'depthmix' in method['name'] else {}),
        },
    )
    for method in _base_.methods
    if method['name'] in chosen
]
methods.append(
    dict(
        name='supervised-x2',
        title='labelled images only, twice the iterations',
        config=semi.format('supervised'),
        options=twice,
    )
)
