# Which frames of a fleet's video to label: a Table 3 on streets driven many times, with
# long stops and rare places. The supervised network from ImageNet weights learns from
# the 8, 30 or 60 of 360 frames that each method of tools/select_samples.py chooses; 200
# other places, of all cities equally often, test it. Then the method as a whole: the
# unlabelled frames, mixed by depth, beside random and beside chosen labels.
#   python tools/run_experiments.py THIS --jobs 2
title = 'A fleet of streets at 192x96, 900 iterations from ImageNet weights'
seeds = [7, 25, 42, 1, 2, 3]
label_counts = [8, 30, 60]
baseline = 'random'
clips = 'data/streets_fleet'
sde = 'configs/streets/sde_lite0_500it_192x96.py'
select = 'configs/streets/select-{}_lite0_192x96.py'
config = 'configs/streets/supervised_lite0_900it_192x96_{}.py'
semi = 'configs/streets/depthmix_lite0_900it_192x96_{}.py'
chosen = '{work_dir}/select_%s_seed%s'
meanings = dict(
    us='depth uncertainty (US)',
    ds='diversity (DS)',
    ds_us='diversity and depth uncertainty (DS + US)',
    entropy='entropy (active learning, needs labels)',
)
root = f'dataset.data_root={clips}'
pool = f'--cfg-options predict_dataloader.{root} train_dataloader.{root}'
prerequisites = [
    dict(
        name='streets',
        command=f'tools/dataset_converters/streets.py --out {clips} --pool fleet '
        '--clips 360 --frames 3 --val-clips 200',
        outputs=[f'{clips}/streets.json'],
    ),
    dict(
        name='sde',
        train=sde,
        needs=['streets'],
        options={
            'train_dataloader.dataset.data_root': clips,
            'val_dataloader.dataset.data_root': clips,
            'val_evaluator.baseline.dataset.data_root': clips,
            'val_evaluator.baseline.cache': 'work_dirs/baselines/streets_fleet.json',
        },
    ),
    dict(
        name='depth_labels',
        depth_labels=sde,
        checkpoint='{sde}',
        needs=['streets'],
        options={'predict_dataloader.dataset.data_root': clips},
    ),
]
first = f'us_seed{seeds[0]}'
for kind in meanings:
    how = select.format('entropy' if kind == 'entropy' else 'ds-us')
    for number in seeds:
        folder = chosen % (kind, number)
        arguments = (
            f'--method {kind} --budget 8 15 30 60 --seed {number} --out {folder}'
        )
        before = ['streets']
        if kind != 'entropy':
            arguments = '{sde} ' + arguments
            # the first one computes the teacher's features and depth labels for all
            if f'{kind}_seed{number}' != first:
                before.append(f'select_{first}')
                arguments += ' --teacher-dir ' + chosen % ('us', seeds[0])
        prerequisites.append(
            dict(
                name=f'select_{kind}_seed{number}',
                needs=before,
                command=f'tools/select_samples.py {how} {arguments} {pool}',
                config=how,
                folder=folder,
                outputs=[f'{folder}/budget_60.txt'],
            )
        )
del kind, number, how, arguments, before, folder
# The frames that stand for all, by features alone, so the same for all seeds: by those
# of the decoder at 4x8 places, as the others, or by what the encoder sees anywhere.
stand_for_all = {
    'medoids': ('frames that stand for all (medoids)', ''),
    'medoids_pooled': (
        'medoids, by pooled features of the encoder',
        ' selection.features.level=4 selection.features.size=(1,1)',
    ),
}
for kind, (_, options) in stand_for_all.items():
    folder = f'{{work_dir}}/select_{kind}'
    prerequisites.append(
        dict(
            name=f'select_{kind}',
            needs=['streets'],
            command=f'tools/select_samples.py {select.format("ds-us")} {{sde}} '
            f'--method medoids --budget 8 15 30 60 --out {folder} {pool}{options}',
            config=select.format('ds-us'),
            folder=folder,
            outputs=[f'{folder}/budget_60.txt'],
        )
    )
del kind, _, options, folder
tested = {
    'val_dataloader.dataset.data_root': clips,
    'test_dataloader.dataset.data_root': clips,
}
alone = {'train_dataloader.dataset.data_root': clips, **tested}
taught = {
    'train_dataloader.dataset.shared.data_root': clips,
    **tested,
    **{
        f'train_dataloader.dataset.sources.{name}.data_prefix.sde_disparity_path': (
            '{depth_labels}'
        )
        for name in ('mix', 'paste')
    },
}
split = chosen + '/budget_{n}.txt'
methods = [
    dict(name='random', config=config.format('n8'), needs=['streets'], options=alone),
    *(
        dict(
            name=kind,
            title=meaning,
            config=config.format('selected'),
            needs=[f'select_{kind}_seed{{seed}}'],
            options={
                **alone,
                'train_dataloader.dataset.labeled_subset.ann_file': split
                % (kind, '{seed}'),
            },
        )
        for kind, meaning in meanings.items()
    ),
    *(
        dict(
            name=kind,
            title=meaning,
            config=config.format('selected'),
            needs=[f'select_{kind}'],
            options={
                **alone,
                'train_dataloader.dataset.labeled_subset.ann_file': (
                    f'{{work_dir}}/select_{kind}/budget_{{n}}.txt'
                ),
            },
        )
        for kind, (meaning, _) in stand_for_all.items()
    ),
    dict(
        name='depthmix',
        title='random, and DepthMix of all frames',
        config=semi.format('n8'),
        needs=['streets'],
        options=taught,
    ),
    dict(
        name='ds_us-depthmix',
        title='DS + US, and DepthMix of all frames',
        config=semi.format('selected'),
        needs=['select_ds_us_seed{seed}'],
        options={
            **taught,
            'train_dataloader.dataset.shared.labeled_subset.ann_file': split
            % ('ds_us', '{seed}'),
        },
    ),
]
