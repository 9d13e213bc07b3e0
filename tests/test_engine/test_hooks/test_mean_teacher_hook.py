"""MeanTeacherHook: when the teacher moves, and when its labels count."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch import nn

from mmdepthseg.engine.hooks import MeanTeacherHook
from mmdepthseg.utils.errors import UserError


class Model(nn.Module):
    """Counts the updates."""

    def __init__(self):
        super().__init__()
        self.student = nn.Linear(1, 1)
        self.teacher = SimpleNamespace(updates=0, restart=self.restart)

    def restart(self):
        self.teacher.updates = 0

    def update_teacher(self):
        self.teacher.updates += 1


def runner_of(model, accumulative_counts=1, kind=OptimWrapper, iteration=0):
    """A runner with a real optimiser wrapper."""
    wrapper = kind(
        optimizer=torch.optim.SGD(model.parameters(), 0.1),
        accumulative_counts=accumulative_counts,
    )
    wrapper.initialize_count_status(model, 0, 100)
    return SimpleNamespace(model=model, optim_wrapper=wrapper, iter=iteration)


def train(runner, steps, **options):
    """Run steps with the hook; the shares that they took place with."""
    hook = MeanTeacherHook(**options)
    hook.before_train(runner)
    shares = []
    for i in range(steps):
        hook.before_train_iter(runner, i)
        shares.append(runner.model.mix_share)
        runner.optim_wrapper.update_params(runner.model.student(torch.ones(1, 1)).sum())
        hook.after_train_iter(runner, i)
    return shares


def test_moves_after_each_step():
    model = Model()
    train(runner_of(model), 3)
    assert model.teacher.updates == 3


def test_moves_only_when_the_optimiser_steps():
    model = Model()
    train(runner_of(model, accumulative_counts=2), 6)
    assert model.teacher.updates == 3


def test_stays_when_the_loss_scaler_skips_a_step(monkeypatch):
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    model = Model()
    runner = runner_of(model, kind=AmpOptimWrapper)
    scaler = torch.amp.GradScaler('cpu', init_scale=2.0)
    runner.optim_wrapper.loss_scaler = scaler
    hook = MeanTeacherHook()
    hook.before_train(runner)
    updates = []
    for i, factor in enumerate((1.0, float('inf'), 1.0)):
        runner.optim_wrapper.update_params(
            factor * model.student(torch.ones(1, 1)).sum()
        )
        hook.after_train_iter(runner, i)
        updates.append(model.teacher.updates)
    assert updates == [1, 1, 2]
    assert scaler.get_scale() == 1.0


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({}, [1, 1, 1, 1, 1, 1]),
        (dict(burn_in=2), [0, 0, 1, 1, 1, 1]),
        (dict(rampup=4), [0, 0.25, 0.5, 0.75, 1, 1]),
        (dict(burn_in=2, rampup=2), [0, 0, 0, 0.5, 1, 1]),
    ],
)
def test_mixed_images_count_after_burn_in_and_rampup(options, expected):
    assert train(runner_of(Model()), 6, **options) == expected
    # what counts is the teacher, not the hook: a resumed run goes on
    resumed = Model()
    resumed.teacher.updates = 3
    assert train(runner_of(resumed, iteration=3), 3, **options) == expected[3:]
    # the count of the weights that a new run starts from does not
    loaded = Model()
    loaded.teacher.updates = 3
    assert train(runner_of(loaded), 6, **options) == expected


def test_skipped_steps_do_not_count():
    shares = train(runner_of(Model(), accumulative_counts=2), 6, rampup=2)
    assert shares == [0, 0, 0.5, 0.5, 1, 1]


@pytest.mark.parametrize('options', [dict(burn_in=-1), dict(rampup=-1)])
def test_negative_numbers_are_refused(options):
    with pytest.raises(ValueError, match='burn_in and rampup.*-1'):
        MeanTeacherHook(**options)


def test_optimiser_is_watched_once_and_left_alone_afterwards():
    model = Model()
    runner = runner_of(model)
    train(runner, 1)
    hook = MeanTeacherHook()
    hook.before_train(runner)
    hook.before_train(runner)
    watchers = runner.optim_wrapper.optimizer._optimizer_step_post_hooks
    assert len(watchers) == 2
    hook.after_train(runner)
    assert len(watchers) == 1


def test_other_models_are_refused():
    runner = MagicMock(model=nn.Linear(1, 1))
    with pytest.raises(UserError, match='MeanTeacher'):
        MeanTeacherHook().before_train(runner)
