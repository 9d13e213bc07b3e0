# Which frames of the streets to label: a small Table 3. The supervised network on the
# 10 and 20 of 70 frames that each method of tools/select_samples.py chooses: 30
# trainings, nine selections with students and three without, and one depth training.
#   python tools/run_experiments.py THIS --jobs 2
title = 'Streets at 192x96, 600 iterations'
seeds = [7, 25, 42]
label_counts = [10, 20]
baseline = 'random'
sde = 'configs/streets/sde_r18-w16_500it_192x96.py'
select = 'configs/streets/select-{}_r18-w16_192x96.py'
by_depth, by_entropy = select.format('ds-us'), select.format('entropy')
chosen = '{work_dir}/select_%s_seed%s'
prerequisites = [
    dict(
        name='streets',
        command='tools/dataset_converters/streets.py --out data/streets',
        outputs=['data/streets/streets.json'],
    ),
    dict(name='sde', train=sde, needs=['streets']),
]
for kind in ['us', 'ds', 'ds_us', 'entropy']:
    for number in seeds:
        folder = chosen % (kind, number)
        how = by_entropy if kind == 'entropy' else by_depth
        before = ['streets']
        arguments = f'--method {kind} --budget 5 10 20 --seed {number} --out {folder}'
        if how == by_depth:
            arguments = '{sde} ' + arguments
            # the first one computes the teacher's features and depth labels for all
            # others
            if (kind, number) != ('us', seeds[0]):
                before.append(f'select_us_seed{seeds[0]}')
                arguments += ' --teacher-dir ' + chosen % ('us', seeds[0])
        prerequisites.append(
            dict(
                name=f'select_{kind}_seed{number}',
                needs=before,
                command=f'tools/select_samples.py {how} {arguments}',
                config=how,
                folder=folder,
                outputs=[folder + '/budget_20.txt'],
            )
        )
config = 'configs/streets/supervised_r18-w16_600it_192x96_{}.py'
meanings = dict(
    ds='diversity (DS)',
    us='depth uncertainty (US)',
    ds_us='diversity and depth uncertainty (DS + US)',
    entropy='entropy (active learning, needs labels)',
)
methods = [dict(name='random', config=config.format('n8'))]
for kind, meaning in meanings.items():
    split = chosen % (kind, '{seed}') + '/budget_{n}.txt'
    methods.append(
        dict(
            name=kind,
            title=meaning,
            config=config.format('selected'),
            needs=[f'select_{kind}_seed{{seed}}'],
            options={'train_dataloader.dataset.labeled_subset.ann_file': split},
        )
    )
