# Which link is weak? The methods of streets_lite0.py with parts of them replaced by the
# truth, and with more frames and iterations. Each rung is a choice of methods:
#   python tools/run_experiments.py THIS --jobs 2 --methods NAME ...
# - by which depth to mix: supervised cutmix classmix depthmix depthmix-true
# - true labels instead of the teacher's, mixed or as they are: supervised ema ema-truth
#   classmix classmix-truth depthmix depthmix-truth supervised-all
# - from which depth to transfer: supervised transfer transfer-true transfer-depthmix
#   transfer-true-depthmix-true
# - 60 frames without labels, and 2, 5 and 20 times as many: supervised-many
#   classmix-60 classmix-120 classmix-300 classmix-1200
# - 2 and 5 times the iterations: supervised classmix depthmix transfer transfer-true
#   transfer-depthmix, and each of them with -x2 and with -x5
# - the teacher's accuracy, coverage and precision by class, over time: classmix-watched
#   (tools/analysis_tools/class_curves.py draws them)
# - the noise of 20 and of 200 validation frames, from any of these runs:
#   python tools/analysis_tools/bootstrap_iou.py WORK_DIR/areas/*.npz --images 20 200
_base_ = './streets_lite0.py'
from mmengine.config import Config  # noqa: E402

title = 'Streets at 192x96 from ImageNet weights: parts replaced by the truth'
many = 'data/streets_1200'
prerequisites = [
    *_base_.prerequisites,
    dict(
        name='depth_true',
        train='configs/streets/depth-true_lite0_500it_192x96.py',
        needs=['streets'],
        options=_base_.phase1['options'],
    ),
    # as in sde-phase2_lite0_900it_192x96.py
    dict(
        name='depth_true_phase2',
        train='configs/streets/depth-true_lite0_500it_192x96.py',
        needs=['depth_true'],
        options={
            **_base_.phase1['options'],
            'load_from': '{depth_true}',
            'train_cfg.max_iters': 900,
            'train_cfg.val_interval': 450,
            'default_hooks.checkpoint.interval': 450,
            'model.backbone.frozen_stages': -1,
            '+model.backbone.norm_eval': False,
            'optim_wrapper.optimizer.lr': 5e-4,
            '+optim_wrapper.constructor': 'MergedGroupsConstructor',
            '+optim_wrapper.paramwise_cfg': "dict(custom_keys={'backbone.': "
            'dict(lr_mult=0.2)})',
        },
    ),
    # the first 240 clips show the roads of the others, 0.1 s earlier (one frame a clip)
    dict(
        name='streets_many',
        command=f'tools/dataset_converters/streets.py --out {many} --clips 1200 '
        '--frames 1 --val-clips 1',
        outputs=[f'{many}/streets.json'],
    ),
]
known = {method['name']: method for method in _base_.methods}
known['ema'] = dict(
    name='ema',
    title='mean teacher, no mixing',
    config=_base_.semi.format('ema'),
    options=_base_.taught,
)
mix = _base_.mix
from_true = {
    'model.backbone.init_cfg.checkpoint': '{depth_true_phase2}',
    'model.decode_head.decoder.init_cfg.checkpoint': '{depth_true_phase2}',
}
teacher_from_true = {
    key.replace('model.', 'model.segmentor.'): value for key, value in from_true.items()
}
# every annotated frame has its label, and the student is taught by these
truth = {f'+{mix}.labeled_subset': None}
replaced = [
    known['ema'],
    dict(
        name='cutmix',
        title='mean teacher + CutMix',
        config=_base_.semi.format('cutmix'),
        options=_base_.taught,
    ),
    dict(
        name='depthmix-true',
        title='mean teacher + DepthMix by true depth',
        config=_base_.semi.format('depthmix-true'),
        options=_base_.taught,
    ),
    *(
        dict(
            known[name],
            name=f'{name}-truth',
            title=known[name]['title'] + ' of true labels',
            options={**known[name]['options'], **truth},
        )
        for name in ('ema', 'classmix', 'depthmix')
    ),
    dict(
        known['supervised'],
        name='supervised-all',
        title='all 240 frames labelled',
        options={
            **_base_.alone,
            'train_dataloader.dataset.labeled_subset.n': 240,
        },
    ),
    dict(
        known['transfer'],
        name='transfer-true',
        title='transfer from true depth, labelled frames only',
        options={**_base_.alone, **from_true},
    ),
    dict(
        name='transfer-true-depthmix-true',
        title='transfer from true depth + DepthMix by true depth',
        config=_base_.semi.format('transfer-depthmix-true'),
        options={**_base_.taught, **teacher_from_true},
    ),
    dict(
        name='classmix-watched',
        title='mean teacher + ClassMix, validated often',
        config=_base_.semi.format('classmix-watched'),
        options=_base_.taught,
    ),
]
frames = [
    dict(
        known['supervised'],
        name='supervised-many',
        title='labelled frames only, chosen from 1,200',
        options={**_base_.alone, 'train_dataloader.dataset.data_root': many},
    ),
    *(
        dict(
            name=f'classmix-{count}',
            title=f'mean teacher + ClassMix, {count} frames without labels',
            config=_base_.semi.format('classmix-pool'),
            options={
                **_base_.taught,
                'train_dataloader.dataset.shared.data_root': many,
                f'{mix}.labeled_subset.n': count,
            },
        )
        for count in (60, 120, 300, 1200)
    ),
]
# the schedule of each method's config, in other lengths
known.update({method['name']: method for method in replaced})
schedules = {
    name: Config.fromfile('{{ fileDirname }}/../../' + known[name]['config'])
    for name in (
        'supervised',
        'classmix',
        'depthmix',
        'transfer',
        'transfer-true',
        'transfer-depthmix',
    )
}
longer = [
    dict(
        known[name],
        name=f'{name}-x{times}',
        title=f'{known[name]["title"]}, {times} times the iterations',
        options={
            **known[name]['options'],
            'train_cfg.max_iters': times * cfg.iterations,
            'train_cfg.val_interval': times * cfg.iterations,
            'default_hooks.checkpoint.interval': times * cfg.iterations // 2,
            **{
                f'param_scheduler.{place}.end': times * schedule.end
                for place, schedule in enumerate(cfg.param_scheduler)
                if schedule.get('end') == cfg.iterations
            },
            **(
                {
                    'default_hooks.mean_teacher.burn_in': times
                    * cfg.default_hooks.mean_teacher.burn_in
                }
                if 'mean_teacher' in cfg.default_hooks
                else {}
            ),
        },
    )
    for times in (2, 5)
    for name, cfg in schedules.items()
]
methods = [
    dict(
        method,
        needs=['streets', *(['streets_many'] if method in frames else [])],
        options={
            **method['options'],
            '+test_evaluator.areas_file': '{work_dir}/areas/'
            + method['name']
            + '_n{n}_seed{seed}',
        },
    )
    for method in (*_base_.methods, *replaced, *frames, *longer)
]
del Config, schedules
