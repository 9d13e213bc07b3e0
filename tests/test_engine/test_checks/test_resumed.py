"""A training resumes with the settings it was started with, or not at all."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import EMAHook
from mmengine.optim import (
    CosineAnnealingLR,
    LinearMomentum,
    MultiStepLR,
    OptimWrapper,
    PolyLR,
    ReduceOnPlateauLR,
)
from torch import nn

from mmdepthseg.engine.checks.resumed import check_resumed
from mmdepthseg.engine.hooks import CheckCheckpointHook
from mmdepthseg.engine.optim import BFloat16OptimWrapper
from mmdepthseg.utils import UserError

SCHEDULES = {
    'poly': lambda wrapper, end=9: PolyLR(wrapper, power=0.9, end=end, by_epoch=False),
    'steps': lambda wrapper, end=9: MultiStepLR(wrapper, [2, end], by_epoch=False),
    'cosine': lambda wrapper, end=9: CosineAnnealingLR(wrapper, T_max=end, end=30),
    'momentum': lambda wrapper, end=9: LinearMomentum(wrapper, 0.1, end=end),
    'plateau': lambda wrapper, end=9: ReduceOnPlateauLR(wrapper, patience=end),
}


def make_runner(kinds=(), options=None, scaling=None, **optimiser) -> SimpleNamespace:
    settings = dict(lr=0.1, momentum=0.9, weight_decay=1e-4) | optimiser
    model = nn.Linear(2, 1)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), **settings))
    schedules = [SCHEDULES[kind](wrapper, **(options or {})) for kind in kinds]
    return SimpleNamespace(
        model=model,
        optim_wrapper=wrapper,
        param_schedulers=schedules,
        cfg=ConfigDict(auto_scale_lr=scaling),
    )


def stopped(*args, **kwargs) -> dict:
    """Return the checkpoint of a training after three steps."""
    runner = make_runner(*args, **kwargs)
    for _ in range(3):
        runner.optim_wrapper.optimizer.step()
        for one in runner.param_schedulers:
            if not isinstance(one, ReduceOnPlateauLR):
                one.step()
    return dict(
        optimizer=runner.optim_wrapper.state_dict(),
        param_schedulers=[one.state_dict() for one in runner.param_schedulers],
    )


@pytest.mark.parametrize('kinds', [(), *((kind,) for kind in SCHEDULES)])
def test_the_same_settings_are_resumed(kinds):
    check_resumed('x.pth', stopped(kinds), make_runner(kinds))


@pytest.mark.parametrize('kinds', [(), ('poly',)])
@pytest.mark.parametrize(
    'setting', [dict(lr=0.5), dict(weight_decay=0.3), dict(momentum=0.8)]
)
def test_a_changed_optimiser_is_refused(kinds, setting):
    ((name, value),) = setting.items()
    with pytest.raises(UserError, match=rf'x\.pth .*optimizer\.{name} .*now {value}'):
        check_resumed('x.pth', stopped(kinds), make_runner(kinds, **setting))


@pytest.mark.parametrize(
    ('kind', 'key'),
    [
        ('poly', 'end'),
        ('steps', 'milestones'),
        ('cosine', 'T_max'),
        ('momentum', 'end'),
        ('plateau', 'patience'),
    ],
)
def test_a_changed_schedule_is_refused(kind, key):
    runner = make_runner([kind], dict(end=20))
    with pytest.raises(UserError, match=rf'param_scheduler\.0\.{key} .*20'):
        check_resumed('x.pth', stopped([kind]), runner)


def test_schedules_that_were_not_saved_are_those_of_the_config():
    checkpoint = stopped(['poly'])
    del checkpoint['param_schedulers']
    check_resumed('x.pth', checkpoint, make_runner(['poly'], dict(end=20)))


def test_other_schedules_are_refused():
    for kinds in ([], ['poly', 'steps']):
        with pytest.raises(UserError, match=rf'param_scheduler .*now {len(kinds)}'):
            check_resumed('x.pth', stopped(['poly']), make_runner(kinds))
    with pytest.raises(UserError, match=r'param_scheduler\.0 .*MultiStepLR'):
        check_resumed('x.pth', stopped(['poly']), make_runner(['steps']))


def test_rates_scaled_to_the_devices_may_change():
    checkpoint = stopped(['poly'])
    check_resumed(
        'x.pth', checkpoint, make_runner(['poly'], None, {'enable': True}, lr=0.2)
    )
    with pytest.raises(UserError, match='optimizer.lr'):
        check_resumed('x.pth', checkpoint, make_runner(['poly'], lr=0.2))


@pytest.mark.parametrize('averaged', [True, False])
def test_an_average_that_only_one_has_is_refused(averaged):
    runner, checkpoint = make_runner(), stopped()
    runner._hooks = [EMAHook()] if averaged else []
    if averaged:
        with pytest.raises(UserError, match=r'x\.pth .*with EMAHook.*custom_hooks'):
            check_resumed('x.pth', checkpoint, runner)
    checkpoint['ema_state_dict'] = dict(steps=torch.tensor(3))
    if averaged:
        assert not check_resumed('x.pth', checkpoint, runner)
    else:
        with pytest.raises(UserError, match=r'x\.pth .*without EMAHook.*custom_hooks'):
            check_resumed('x.pth', checkpoint, runner)


def wrapped(kind=OptimWrapper, optimiser=torch.optim.SGD, **options):
    """Return a runner whose steps are made in this way, and its checkpoint."""
    runner = make_runner()
    weights = nn.Linear(2, 1).parameters()
    runner.optim_wrapper = kind(optimiser(weights, lr=0.1), **options)
    checkpoint = dict(optimizer=runner.optim_wrapper.state_dict())
    CheckCheckpointHook().before_save_checkpoint(runner, checkpoint)
    return runner, checkpoint


@pytest.mark.parametrize(
    ('key', 'options'),
    [
        ('type', dict(kind=BFloat16OptimWrapper)),
        ('accumulative_counts', dict(accumulative_counts=4)),
        ('clip_grad', dict(clip_grad=dict(max_norm=0.1))),
    ],
)
def test_another_step_gives_a_warning(key, options):
    for then in ({}, options):
        for now in ({}, options):
            runner, checkpoint = wrapped(**now)[0], wrapped(**then)[1]
            doubts = check_resumed('x.pth', checkpoint, runner)
            assert len(doubts) == (then != now)
            for doubt in doubts:
                assert 'x.pth' in doubt
                assert f'optim_wrapper.{key} (' in doubt
                assert ('--amp' in doubt) == (key == 'type' and not now)


def test_another_optimiser_of_the_same_settings_is_refused():
    _, checkpoint = wrapped(optimiser=torch.optim.Adam)
    runner, _ = wrapped(optimiser=torch.optim.Adamax)
    with pytest.raises(
        UserError, match=r'x\.pth.*optimizer\.type \(Adam, now Adamax\)'
    ):
        check_resumed('x.pth', checkpoint, runner)


@pytest.mark.parametrize('meta', [None, {}, dict(optim_wrapper=3)])
def test_a_forgotten_loss_scaler_gives_a_warning(meta):
    checkpoint = dict(stopped(), meta=meta)
    checkpoint['optimizer']['loss_scaler'] = {}
    (doubt,) = check_resumed('x.pth', checkpoint, make_runner())
    assert 'optim_wrapper.type' in doubt and '--amp' in doubt
    runner = make_runner()
    runner.optim_wrapper.loss_scaler = None
    assert not check_resumed('x.pth', checkpoint, runner)
    del checkpoint['optimizer']['loss_scaler']
    (doubt,) = check_resumed('x.pth', checkpoint, runner)
    assert 'optim_wrapper.type' in doubt
