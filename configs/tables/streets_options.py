# What helps with few labels, one option at a time: the mean teacher with DepthMix of
# streets_lite0.py, and what its recipe (`few_labels`) leaves out or could have besides.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./streets_lite0.py', '../_base_/from_finished.py']
title = 'Streets at 192x96 from ImageNet weights: one option of DepthMix at a time'
label_counts = [8]
baseline = 'depthmix'
known = {method['name']: method for method in _base_.methods}
sampler = 'train_dataloader.sampler'
two_views = {'+model.views': 2}
changes = {
    "the paper's loss: all pixels, one weight": (
        'paper-loss',
        {'model.loss_pseudo': "dict(_delete_=True, type='PseudoLabelLoss')"},
    ),
    'sure pixels only, of all classes alike': (
        'sure',
        {'model.loss_pseudo.portion': 0.0},
    ),
    'half of the images mixed, the others whole': (
        'half',
        {'+model.mixing.prob': 0.5},
    ),
    'two strong views': ('views', two_views),
    'two strong views, complementary dropout': (
        'views-dropout',
        {**two_views, '+model.feature_dropout': "dict(type='ComplementaryDropout')"},
    ),
    'labelled frames drawn by their classes': (
        'rare',
        {f'+{sampler}.rare_classes': 'dict(labeled=0.1, paste=0.1)'},
    ),
    'a quarter of the mixed images labelled, not half': (
        'paste-1',
        {f'{sampler}.source_counts': 'dict(labeled=4, mix=3, paste=1)'},
    ),
    'a quicker teacher, 0.95': ('ema-095', {'model.ema.decay': 0.95}),
    'a slower teacher, 0.99': ('ema-099', {'model.ema.decay': 0.99}),
    'mixing from the first iteration on': (
        'no-burn-in',
        {'default_hooks.mean_teacher.burn_in': 0},
    ),
    'from the finished supervised network': ('finished', _base_.from_finished),
}
methods = [
    known['supervised'],
    known['depthmix'],
    *(
        dict(
            known['depthmix'],
            name=name,
            title=f'... {meaning}',
            **({'after': 'supervised'} if name == 'finished' else {}),
            options={**known['depthmix']['options'], **options},
        )
        for meaning, (name, options) in changes.items()
    ),
]
del known
