# The main job, end to end, which tools/demo.py (make demo) runs and draws: depth from
# unlabelled video, depth labels, and segmentation with 8 labels: three trainings of
# streets_methods.py.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './streets_methods.py'
title = 'The demo: streets at 192x96, 8 labelled frames'
seeds = [7]
label_counts = [8]
test_folder = '{work_dir}/sde_test'
prerequisites = [
    *_base_.prerequisites,
    dict(
        name='sde_test',
        command=f'tools/test.py {_base_.sde} {{sde}} --work-dir {test_folder}',
        outputs=[test_folder],
        config=_base_.sde,
        folder=test_folder,
    ),
]
needs = ['sde_test']
chosen = {
    'supervised': dict(title='supervised baseline'),
    'classmix': dict(title='mean teacher + ClassMix, no depth'),
    'transfer-depthmix': dict(name='full', title='transfer from SDE + DepthMix'),
}
methods = [
    dict(method, **chosen[method['name']])
    for method in _base_.methods
    if method['name'] in chosen
]
