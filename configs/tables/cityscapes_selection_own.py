# Table 3 with selections of one's own instead of the published lists: the depth
# network, twelve selections, and the trainings of cityscapes_selection.py.
# --given sde=CHECKPOINT skips the two phases of self-supervised depth.
#   python tools/run_experiments.py THIS --gpus 0 1 2 3
_base_ = './cityscapes_selection.py'
title = 'Cityscapes val, single scale, own selections'
phase = 'configs/cityscapes/sde-phase{}_512x512.py'
select = 'configs/cityscapes/select-{}_r50-d16_512x512.py'
chosen = '{work_dir}/select_%s_%s'
budgets = '25 50 100 200 372 744'
lists = [seed['list'] for seed in _base_.seeds]
prerequisites = [
    dict(name='phase1', train=phase.format('1_r101-d16_300k')),
    dict(
        name='sde',
        train=phase.format('2-fd_r101-d16_50k'),
        options=dict(load_from='{phase1}'),
    ),
]
for kind in ['us', 'ds', 'ds_us', 'entropy']:
    for number in lists:
        how = select.format('entropy' if kind == 'entropy' else 'ds-us')
        folder = chosen % (kind, number)
        before = []
        arguments = f'--method {kind} --budget {budgets} --seed {number} --out {folder}'
        if kind != 'entropy':
            arguments = '{sde} ' + arguments
            # the first one computes the teacher's features and depth labels for all
            if (kind, number) != ('us', lists[0]):
                before = [f'select_us_{lists[0]}']
                arguments += ' --teacher-dir ' + chosen % ('us', lists[0])
        prerequisites.append(
            dict(
                name=f'select_{kind}_{number}',
                needs=before,
                command=f'tools/select_samples.py {how} {arguments}',
                config=how,
                folder=folder,
                outputs=[folder + '/budget_744.txt'],
            )
        )
methods = [
    method
    if method['name'] == 'random'
    else dict(
        method,
        needs=[f'select_{method["name"]}_{number}' for number in lists],
        options={
            _base_.ann_file: chosen % (method['name'], '{list}') + '/budget_{n}.txt'
        },
    )
    for method in _base_.methods
]
