# The main job, end to end, which tools/demo.py (make demo) runs and draws: depth from
# unlabelled video, depth labels, and segmentation with 8 labels: three trainings of
# streets_lite0.py, shorter and with fewer clips; the mean teachers start from the
# finished supervised network.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./streets_lite0.py', '../_base_/from_finished.py']
title = 'The demo: streets at 192x96 from ImageNet weights, 8 labelled frames'
seeds = [7]
label_counts = [8]
clips = 'data/streets_demo'
iterations = 700
sde = 'configs/streets/sde_lite0_900it_192x96.py'
test_folder = '{work_dir}/sde_test'
data = {'train_dataloader.dataset.data_root': clips}
for stage in ('val', 'test'):
    data[f'{stage}_dataloader.dataset.data_root'] = clips
    data[f'{stage}_evaluator.baseline.dataset.data_root'] = clips
    data[f'{stage}_evaluator.baseline.cache'] = 'work_dirs/baselines/streets_demo.json'
del stage
prerequisites = [
    dict(
        name='streets',
        command=f'tools/dataset_converters/streets.py --out {clips} --clips 100 '
        '--val-clips 80',
        outputs=[f'{clips}/streets.json'],
    ),
    dict(name='sde', train=sde, needs=['streets'], options=data),
    dict(
        name='depth_labels',
        depth_labels=sde,
        checkpoint='{sde}',
        options={'predict_dataloader.dataset.data_root': clips},
    ),
    dict(
        name='sde_test',
        command=f'tools/test.py {sde} {{sde}} --work-dir {test_folder} '
        '--cfg-options ' + ' '.join(f'{key}={value}' for key, value in data.items()),
        outputs=[test_folder],
        config=sde,
        folder=test_folder,
    ),
]
length = {
    'train_cfg.max_iters': iterations,
    'train_cfg.val_interval': iterations,
    'default_hooks.checkpoint.interval': iterations // 2,
    'param_scheduler.0.end': iterations,
}
chosen = {
    'supervised': dict(title='supervised baseline'),
    'classmix': dict(title='mean teacher + ClassMix, no depth'),
    'depthmix': dict(name='full', title='mean teacher + DepthMix by SDE depth'),
}
methods = [
    dict(
        method,
        **chosen[method['name']],
        # the others can train while depth is learned
        needs=[
            *method['needs'],
            *(['sde_test'] if method['name'] == 'depthmix' else []),
        ],
        **({} if method['name'] == 'supervised' else {'after': 'supervised'}),
        options={
            **{
                key: clips if value == _base_.clips else value
                for key, value in method['options'].items()
            },
            **length,
            **({} if method['name'] == 'supervised' else _base_.from_finished),
        },
    )
    for method in _base_.methods
    if method['name'] in chosen
]
