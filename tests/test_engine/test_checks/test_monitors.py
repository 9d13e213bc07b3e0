"""Figures that hooks and schedules watch are among those of the validation."""

from types import SimpleNamespace

import mmseg.evaluation
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.optim.scheduler import ReduceOnPlateauLR
from mmengine.runner.base_loop import BaseLoop

from mmdepthseg.engine.checks import monitors as checks
from mmdepthseg.engine.hooks import CheckpointHook, EarlyStoppingHook
from mmdepthseg.evaluation import DepthMetric, IoUMetric
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


class Validation(BaseLoop):
    """A validation that is never run."""

    def __init__(self, *metrics, networks=None):
        self.evaluator = SimpleNamespace(metrics=metrics)
        if networks:
            self.networks = networks

    def run(self):
        raise AssertionError


@pytest.mark.parametrize(
    ('hook', 'loop', 'message'),
    [
        (CheckpointHook(save_best='mIoU'), Validation(IoUMetric()), None),
        (CheckpointHook(save_best='auto'), Validation(IoUMetric()), None),
        (
            CheckpointHook(save_best='mIoU'),
            Validation(IoUMetric(), networks=('student', 'teacher')),
            "save_best.*'mIoU'.*teacher/mIoU",
        ),
        (
            CheckpointHook(save_best=['abs_rel', 'mIoU']),
            Validation(DepthMetric()),
            "save_best.*'mIoU'.*abs_rel",
        ),
        (
            EarlyStoppingHook(monitor='mIoU'),
            Validation(DepthMetric(prefix='depth')),
            "monitor.*'mIoU'.*depth/abs_rel",
        ),
        (EarlyStoppingHook(monitor='abs_rel'), Validation(DepthMetric()), None),
        (EarlyStoppingHook(monitor='mIoU'), None, 'monitor.*mIoU.*val_dataloader'),
    ],
)
def test_figures_that_are_watched(hook, loop, message):
    run = SimpleNamespace(_val_loop=loop, model=SimpleNamespace(), hooks=[Hook(), hook])
    if message is None:
        checks.check_monitors(run)
    else:
        with pytest.raises(UserError, match=message):
            checks.check_monitors(run)


def test_the_best_checkpoint_of_no_validation():
    hooks = [CheckpointHook(save_best='mIoU')]
    run = SimpleNamespace(_val_loop=None, model=SimpleNamespace(), hooks=hooks)
    (doubt,) = checks.check_monitors(run)
    assert 'save_best' in doubt and 'val_dataloader' in doubt


class SilentMetric(BaseMetric):
    """A metric that does not tell its figures."""

    def process(self, data_batch, data_samples):
        raise AssertionError

    def compute_metrics(self, results):
        raise AssertionError


@pytest.mark.parametrize('name', ['mIoX', 'auto'])
def test_figures_of_metrics_that_do_not_tell(name):
    hooks = [CheckpointHook(save_best=name, **({} if name == 'auto' else RULE))]
    loop = Validation(IoUMetric(), SilentMetric())
    run = SimpleNamespace(_val_loop=loop, model=SimpleNamespace(), hooks=hooks)
    (doubt,) = checks.check_monitors(run)
    assert all(part in doubt for part in ('save_best', name, 'SilentMetric', 'mIoU'))
    hooks[:] = [EarlyStoppingHook(monitor='mIoU')]
    assert checks.check_monitors(run) == []


RULE = dict(rule='greater')


@pytest.mark.parametrize(
    ('metric', 'known'),
    [
        (mmseg.evaluation.DepthMetric(), 'abs_rel'),
        (mmseg.evaluation.IoUMetric(), 'mIoU'),
    ],
)
def test_figures_of_mmsegmentations_metrics(metric, known):
    run = SimpleNamespace(_val_loop=Validation(metric), hooks=[])
    run.hooks = [CheckpointHook(save_best=known)]
    assert checks.check_monitors(run) == []
    run.hooks = [EarlyStoppingHook(monitor='a1')]
    with pytest.raises(UserError, match=f"EarlyStopping.*'a1'.*{known}"):
        checks.check_monitors(run)


@pytest.mark.parametrize('by_name', [False, True])
def test_figures_that_a_scheduler_watches(by_name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    found = [ReduceOnPlateauLR(optimizer, monitor=name) for name in ('mIoU', 'loss')]
    run = SimpleNamespace(_val_loop=Validation(IoUMetric()), hooks=[])
    run.param_schedulers = dict(a=found[:1]) if by_name else found[:1]
    assert checks.check_monitors(run) == []
    run.param_schedulers = dict(a=found[:1], b=found[1:]) if by_name else found
    with pytest.raises(UserError, match="ReduceOnPlateauLR: monitor.*'loss'.*mIoU"):
        checks.check_monitors(run)
