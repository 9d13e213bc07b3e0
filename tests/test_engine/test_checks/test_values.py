"""Values of other types than constructors announce are refused."""

import pytest
from mmengine.config import Config

from mmdepthseg.engine.checks.values import check_values
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


def nested(place, value):
    """The config with one value at a dotted place; `A:` before a part is its type."""
    for part in reversed(place.replace('mmdepthseg.', 'mmdepthseg/').split('.')):
        kind, _, key = part.replace('/', '.').rpartition(':')
        value = {key: value}
        if kind:
            value['type'] = kind
    return Config(value)


SGD, POLY = 'optim_wrapper.optimizer.SGD:', 'param_scheduler.PolyLR:'
ITERATIONS = 'train_cfg.IterBasedTrainLoop:'
SAVING = 'default_hooks.checkpoint.CheckpointHook:'
CLIPS = 'train_dataloader.dataset.ClipDataset:'


@pytest.mark.parametrize(
    ('place', 'wrong', 'right'),
    [
        ('train_dataloader.batch_size', 2.5, 2),
        ('train_dataloader.batch_size', 2.0, 2),
        ('train_dataloader.batch_size', '2', 2),
        ('train_dataloader.batch_size', 0, 1),
        ('val_dataloader.batch_size', True, 1),
        ('val_dataloader.num_workers', -1, 0),
        ('test_dataloader.num_workers', 1.5, 1),
        ('train_dataloader.num_workers', '2', 2),
        ('train_dataloader.prefetch_factor', 2.5, 2),
        ('train_dataloader.prefetch_factor', 0, None),
        ('train_dataloader.persistent_workers', 'no', False),
        ('train_dataloader.timeout', 'long', 2.5),
        (f'{ITERATIONS}max_iters', 1.5, 1e3),
        (f'{ITERATIONS}max_iters', '100', 100),
        (f'{ITERATIONS}max_iters', 0, 1),
        (f'{ITERATIONS}val_interval', 2.5, 2),
        (f'{ITERATIONS}val_interval', [5], 5),
        ('train_cfg.max_iters', -3, 3),
        ('train_cfg.EpochBasedTrainLoop:max_epochs', '3', 3),
        ('train_cfg.EpochBasedTrainLoop:val_begin', 'first', 1),
        (f'{POLY}end', '100', 100),
        (f'{POLY}end', 10.5, 10),
        (f'{POLY}power', 'big', 1),
        (f'{POLY}by_epoch', 'no', False),
        ('param_scheduler.MultiStepLR:milestones', ['10'], [10]),
        ('param_scheduler.MultiStepLR:milestones', 10, [10]),
        ('param_scheduler.MultiStepLR:gamma', '0.1', 0.1),
        ('param_scheduler.ReduceOnPlateauLR:patience', 'x', 3),
        ('optim_wrapper.accumulative_counts', '2', 2),
        ('optim_wrapper.OptimWrapper:accumulative_counts', 1.5, 2),
        ('optim_wrapper.mmdepthseg.BFloat16OptimWrapper:accumulative_counts', 0, 1),
        ('optim_wrapper.clip_grad.max_norm', '10', 10),
        ('optim_wrapper.clip_grad.value:clip_value', '1', 1),
        ('optim_wrapper.clip_grad.max_norm', -1, 0.5),
        ('custom_hooks.EarlyStoppingHook:patience', -1, 0),
        ('default_hooks.visualization.SegVisualizationHook:interval', 0, 1),
        (f'{SGD}lr', '1e-3', 1e-3),
        (f'{SGD}lr', [1e-3], 1),
        (f'{SGD}lr', float('nan'), 0.0),
        (f'{SGD}lr', -1.0, 0.5),
        (f'{SGD}nesterov', 'yes', True),
        ('optim_wrapper.optimizer.AdamW:betas', ['0.9', 0.99], (0.9, 0.99)),
        (f'{SAVING}interval', '100', 100),
        (f'{SAVING}by_epoch', 'no', False),
        (f'{SAVING}max_keep_ckpts', 2.5, 2),
        ('custom_hooks.CheckCheckpointHook:min_share', 'half', 0.5),
        ('val_evaluator.IoUMetric:per_class', 'yes', True),
        (f'{CLIPS}skip_broken', 'no', False),
        (f'{CLIPS}data_root', 2024, '2024'),
        ('model.PoseNet:in_channels', '64', 64),
        ('work_dir', 7, '7'),
        ('resume', 'no', False),
    ],
)
def test_a_type_that_is_announced(place, wrong, right):
    check_values(nested(place, right))
    check_values(nested(place, None))
    key = place.rpartition('.')[-1].rpartition(':')[-1]
    with pytest.raises(UserError, match=rf'config: .*{key} must be'):
        check_values(nested(place, wrong))


def test_places_in_lists_and_data_sets_inside():
    inner = dict(type='ClipDataset', pipeline=[dict(type='Resize', scale=(4, 2))])
    config = dict(train_dataloader=dict(dataset=dict(sources=dict(mix=inner))))
    place = r'train_dataloader\.dataset\.sources\.mix\.pipeline\.0\.keep_ratio'
    check_values(config)
    inner['pipeline'][0] = dict(type='Resize', scale=(4, 2), keep_ratio='no')
    with pytest.raises(UserError, match=place):
        check_values(config)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('optim_wrapper.AmpOptimWrapper:loss_scale', 512.0),  # announced as text
        ('optim_wrapper.AmpOptimWrapper:loss_scale', 'dynamic'),
        ('optim_wrapper.AmpOptimWrapper:dtype', 'float16'),
        ('param_scheduler.PolyLRRatio:eta_min_ratio', 0.03),  # as a whole number
        ('optim_wrapper.optimizer.OwnOptimizer:lr', 'x'),
        ('log_level', 10),
        (f'{SAVING}interval', -1),
        ('custom_hooks.EMAHook:momentum', 0.1),
    ],
)
def test_what_is_not_announced_or_announced_wrongly_passes(place, value):
    check_values(nested(place, value))
