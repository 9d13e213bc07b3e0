# A gain with 30 labels? streets_lite0.py's mean teachers from the finished supervised
# network, mixing from the first iteration on. supervised-x2 sees as many labelled
# images as the two trainings together, supervised-x3 costs as much.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./streets_lite0.py', '../_base_/from_finished.py']
title = 'Streets at 192x96, 30 labels: 900 iterations from the finished network'
label_counts = [30]
known = {method['name']: method for method in _base_.methods}
methods = [
    known['supervised'],
    *(
        dict(
            known[name],
            title=known[name]['title'] + ' from the finished network',
            after='supervised',
            options={**known[name]['options'], **_base_.from_finished},
        )
        for name in ('classmix', 'depthmix')
    ),
    *(
        dict(
            known['supervised'],
            name=f'supervised-x{times}',
            title=f'labelled frames only, {900 * times} iterations',
            options={
                **known['supervised']['options'],
                'train_cfg.max_iters': 900 * times,
                'train_cfg.val_interval': 900 * times,
                'default_hooks.checkpoint.interval': 900,
                'param_scheduler.0.end': 900 * times,
            },
        )
        for times in (2, 3)
    ),
]
del known
