# Does mixing with 20 labels need more than 600 iterations? Twice as many, otherwise
# like streets_methods.py.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './streets_methods.py'
title = 'Streets at 192x96, 1,200 iterations'
label_counts = [20]
iterations = 1200
longer = {
    'train_cfg.max_iters': iterations,
    'train_cfg.val_interval': iterations,
    'param_scheduler.0.end': iterations,
    'default_hooks.checkpoint.interval': iterations,
}
methods = [
    dict(
        method,
        options={
            **method.get('options', {}),
            **longer,
            **(
                {}
                if method['name'] == 'supervised'
                else {'default_hooks.mean_teacher.burn_in': iterations // 2}
            ),
        },
    )
    for method in _base_.methods
    if method['name'] in ('supervised', 'transfer-depthmix')
]
