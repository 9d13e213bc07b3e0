# CamVid from ImageNet weights: mean teachers from the finished supervised network,
# mixing from the first iteration on, with the depth of a network that started from
# ImageNet, too, and learned from two highway clips.
# supervised-x2 sees as many labelled images as the two trainings together.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./camvid_lite0.py', '../_base_/from_finished.py']
title = 'CamVid val (101 images) at 256x192: 900 iterations from the finished network'
sde = 'configs/clips/sde_lite0_1k_udacity-320x160.py'
prerequisites = [
    dict(name='sde', train=sde),
    dict(_base_.labels, model_config=sde),
]
methods = [
    dict(
        method,
        title=method['title'] + ' from the finished network',
        after='supervised',
        options={**method['options'], **_base_.from_finished},
    )
    if method['name'] in ('classmix', 'depthmix')
    else method
    for method in _base_.methods
]
