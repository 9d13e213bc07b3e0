# CamVid from ImageNet weights: mean teachers from the finished supervised network,
# mixing from the first iteration on, with the depth of a network that started from
# ImageNet, too, and learned from two highway clips.
# supervised-x2 sees as many labelled images as the two trainings together, and
# supervised-x3 costs as much; a second round goes on from the student of the first.
# Depth of the rendered streets instead: --given depth_labels=DIR
# (docs/results_real.md).
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./camvid_lite0.py', '../_base_/from_finished.py']
title = 'CamVid val (101 images) at 256x192: 900 iterations from the finished network'
sde = 'configs/clips/sde_lite0_1k_udacity-320x160.py'
prerequisites = [
    dict(name='sde', train=sde),
    dict(_base_.labels, model_config=sde),
]
known = {method['name']: method for method in _base_.methods}
mixing = ('classmix', 'depthmix')
methods = [
    known['supervised'],
    *(
        dict(
            known[name],
            title=known[name]['title'] + ' from the finished network',
            after='supervised',
            options={**known[name]['options'], **_base_.from_finished},
        )
        for name in mixing
    ),
    *(
        dict(
            known[name],
            name=f'{name}-again',
            title=known[name]['title'] + ', second round',
            after=name,
            options={**known[name]['options'], **_base_.from_student},
        )
        for name in mixing
    ),
    known['supervised-x2'],
    dict(
        known['supervised-x2'],
        name='supervised-x3',
        title='labelled images only, three times the iterations',
        options={key: 3 * value // 2 for key, value in _base_.twice.items()},
    ),
]
del known, mixing
