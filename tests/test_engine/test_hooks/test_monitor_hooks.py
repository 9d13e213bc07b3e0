"""Directions of figures, and what `auto` is."""

from types import SimpleNamespace

import pytest
from mmengine.runner.base_loop import BaseLoop

from mmdepthseg.engine.hooks import CheckpointHook, EarlyStoppingHook
from mmdepthseg.evaluation import DepthMetric, IoUMetric
from mmdepthseg.utils.errors import UserError

NETWORKS = ('student', 'teacher')


class Loop(BaseLoop):
    """A validation that is never run."""

    def __init__(self, metrics, networks=None):
        self.evaluator = SimpleNamespace(metrics=metrics)
        if networks:
            self.networks = networks

    def run(self):
        raise AssertionError


def runner(*metrics, networks=None, predict_with='teacher', hooks=()):
    model = SimpleNamespace(predict_with=predict_with)
    return SimpleNamespace(
        _val_loop=Loop(metrics, networks),
        _resume=False,
        _load_from=None,
        model=model,
        hooks=[*hooks],
    )


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        ('mIoU', 'greater'),
        ('teacher/mIoU', 'greater'),
        ('abs_rel', 'less'),
        ('row_mean/rmse_log', 'less'),
        ('student/a1', 'greater'),
        ('silog', 'less'),
        ('rotation', 'less'),
        ('ate', 'less'),
        ('mPrecision', 'greater'),
    ],
)
def test_figures_have_a_direction(name, rule):
    assert CheckpointHook(save_best=name).rules == [rule]
    assert EarlyStoppingHook(monitor=name).rule == rule


@pytest.mark.parametrize('hook', [CheckpointHook, EarlyStoppingHook])
def test_unknown_direction_names_the_figure(hook):
    option = 'save_best' if hook is CheckpointHook else 'monitor'
    with pytest.raises(UserError, match=f"{option}=abs_ral.*'abs_rel'"):
        hook(**{option: 'abs_ral'})
    hook(**{option: 'abs_ral', 'rule': 'less'})


@pytest.mark.parametrize(
    ('run', 'name', 'rule'),
    [
        (runner(IoUMetric()), 'mIoU', 'greater'),
        (runner(DepthMetric()), 'abs_rel', 'less'),
        (
            runner(IoUMetric(), networks=NETWORKS),
            'teacher/mIoU',
            'greater',
        ),
        (
            runner(IoUMetric(), networks=NETWORKS, predict_with='student'),
            'student/mIoU',
            'greater',
        ),
    ],
)
def test_auto_is_the_main_figure(run, name, rule):
    hook = CheckpointHook(save_best='auto')
    hook.before_run(run)
    assert hook.key_indicators == [name] and hook.rules == [rule]
