# How the streets' multi-task network affects segmentation without learning depth:
# "transfer + DepthMix" and its parts, 8 labels, the same frames in the same order.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = ['./streets_methods.py', '../_base_/models/sde_unet_r18-w16.py']
title = 'Streets at 192x96, 600 iterations: the multi-task network'
label_counts = [8]
baseline = 'labels'
config = _base_.semi.format('transfer-depthmix')
# mixing never starts
labels_only = {'default_hooks.mean_teacher.burn_in': 600}
student = 'model.segmentor'
network = {
    f'+{student}.depth_head': dict(
        _base_.depth_head,
        init_cfg=dict(type='Pretrained', checkpoint='{sde}', prefix='depth_head.'),
    ),
    f'+{student}.distillation': dict(type='PADDistillation', side_weight=0),
}
papers = {
    **network,
    f'+{student}.distillation': dict(type='PADDistillation'),
    f'{student}.decode_head.channels': None,
}
from_sde = dict(_base_.from_sde, **_base_.labels_for_mixing)
methods = [
    dict(
        name='labels',
        title='transfer, labels only',
        config=config,
        options=dict(from_sde, **labels_only),
    ),
    dict(
        name='network-labels',
        title='multi-task network, labels only',
        config=config,
        options=dict(from_sde, **network, **labels_only),
    ),
    dict(
        name='papers-labels',
        title="the same with the paper's head and side output",
        config=config,
        options=dict(from_sde, **papers, **labels_only),
    ),
    dict(
        name='papers-depthmix',
        title='... + DepthMix by depth labels',
        config=config,
        options=dict(from_sde, **papers),
    ),
]
