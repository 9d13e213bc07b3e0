# The methods of streets_methods.py with 3,000 instead of 600 iterations (depth 1,500
# instead of 500), 240 clips instead of 70, and 10 or 40 labels: for a GPU (on a CPU
# core a training takes 10 to 25 minutes, multi-task learning more). Eight at a time:
#   python tools/run_experiments.py THIS --gpus 0 0 0 0 0 0 0 0
_base_ = './streets_methods.py'
title = 'Streets at 192x96, 3,000 iterations, 240 clips'
label_counts = [10, 40]
clips = 'data/streets_long'
iterations = 3000
depth_iterations = 1500
prerequisites = [
    dict(
        name='streets',
        command=f'tools/dataset_converters/streets.py --out {clips} --clips 240',
        outputs=[f'{clips}/streets.json'],
    ),
    dict(
        name='sde',
        train=_base_.sde,
        needs=['streets'],
        options={
            'train_cfg.max_iters': depth_iterations,
            'train_cfg.val_interval': depth_iterations,
            'param_scheduler.0.milestones': [
                depth_iterations * 6 // 10,
                depth_iterations * 85 // 100,
            ],
            'default_hooks.checkpoint.interval': depth_iterations,
            'train_dataloader.num_workers': 4,
            'train_dataloader.dataset.data_root': clips,
            'val_dataloader.dataset.data_root': clips,
            'val_evaluator.baseline.dataset.data_root': clips,
            'val_evaluator.baseline.cache': 'work_dirs/baselines/streets_long.json',
        },
    ),
    dict(
        name='depth_labels',
        depth_labels=_base_.sde,
        checkpoint='{sde}',
        options={'predict_dataloader.dataset.data_root': clips},
    ),
]
longer = {
    'train_cfg.max_iters': iterations,
    'train_cfg.val_interval': iterations,
    'param_scheduler.0.end': iterations,
    'default_hooks.checkpoint.interval': iterations,
    'train_dataloader.num_workers': 2,
    'val_dataloader.dataset.data_root': clips,
    'test_dataloader.dataset.data_root': clips,
}
alone = {**longer, 'train_dataloader.dataset.data_root': clips}
# no mixing in the first third of the training; the teacher averages over more steps
taught = {
    **longer,
    'train_dataloader.dataset.shared.data_root': clips,
    'default_hooks.mean_teacher.burn_in': iterations // 3,
    'model.ema.decay': 0.99,
}
methods = [
    dict(
        method,
        options={
            **method.get('options', {}),
            **(alone if method['name'] in ('supervised', 'transfer') else taught),
        },
    )
    for method in _base_.methods
]
