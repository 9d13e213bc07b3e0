"""States survive a checkpoint; validation leaves them alone."""

import logging
import re
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from helpers.random_numbers import draw, through_a_file
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner.base_loop import BaseLoop

from mmdepthseg.datasets.samplers import ResumableInfiniteSampler
from mmdepthseg.engine.hooks import RandomStateHook, random_state_hook
from mmdepthseg.engine.random_state import get_random_state, set_random_state


class Loop(BaseLoop):
    def __init__(self, dataloader) -> None:
        self.dataloader = dataloader

    def run(self) -> None:
        raise AssertionError


def make_runner(**values) -> SimpleNamespace:
    loader = torch.utils.data.DataLoader([1, 2, 3, 4], num_workers=0)
    defaults = dict(
        _resume=True,
        seed=5,
        train_loop=SimpleNamespace(dataloader=loader),
        val_loop=None,
        logger=logging.getLogger('test'),
        hooks=[],
    )
    return SimpleNamespace(**{**defaults, **values})


def test_resume_restores_and_loading_weights_does_not():
    hook, checkpoint = RandomStateHook(), {}
    hook.before_save_checkpoint(make_runner(), checkpoint)
    wanted = draw()
    checkpoint = through_a_file(checkpoint)
    for resume in (True, False):
        runner, fresh = make_runner(_resume=resume), RandomStateHook()
        fresh.after_load_checkpoint(runner, checkpoint)
        draw()
        fresh.before_train(runner)
        assert (draw() == wanted) == resume


def test_loaders_do_not_draw_from_the_global_generator():
    runner = make_runner()
    RandomStateHook().before_train(runner)
    state = torch.get_rng_state()
    list(runner.train_loop.dataloader)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loader_that_has_begun_begins_again():
    sampler = ResumableInfiniteSampler(range(50), seed=3)
    first = [*islice(sampler, 5)]
    sampler = ResumableInfiniteSampler(range(50), seed=4)
    loader = torch.utils.data.DataLoader([*range(50)], batch_size=5, sampler=sampler)
    loop, hook = Loop(loader), RandomStateHook()
    loop.dataloader_iterator = SimpleNamespace(_iterator=iter(loader))
    hook.after_load_checkpoint(make_runner(), dict(random_states=[], sampler_seed=3))
    hook._to_restore = None
    hook.before_train(make_runner(train_loop=loop))
    assert next(loop.dataloader_iterator._iterator).tolist() == first


@pytest.mark.parametrize('resume', [True, False])
def test_a_resumed_sampler_goes_on_in_its_own_order(resume):
    """Without a seed in the config each process draws one."""

    def run(seed, **values):
        sampler = ResumableInfiniteSampler(range(50), seed=seed)
        loader = torch.utils.data.DataLoader([*range(50)], sampler=sampler)
        return make_runner(_train_loop=Loop(loader), train_loop=Loop(loader), **values)

    def order(runner):
        return [*islice(runner.train_loop.dataloader.sampler, 20)]

    first, checkpoint = run(3), {}
    RandomStateHook().before_save_checkpoint(first, checkpoint)
    second, hook = run(4, _resume=resume), RandomStateHook()
    hook.after_load_checkpoint(second, through_a_file(checkpoint))
    hook.before_train(second)
    assert (order(second) == order(first)) == resume


@pytest.mark.parametrize('several', [False, True])
def test_the_optimisers_state_has_the_layout_of_the_weights(several):
    weight = torch.nn.Parameter(torch.ones(4, 3, 3, 3))
    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD([weight], 0.1, momentum=0.9)
    optimizer.state[weight]['momentum_buffer'] = torch.ones(4, 3, 3, 3)
    wrapper = OptimWrapper(optimizer)
    wrapper = OptimWrapperDict(one=wrapper) if several else wrapper
    RandomStateHook().before_train(make_runner(optim_wrapper=wrapper))
    momentum = optimizer.state[weight]['momentum_buffer']
    assert momentum.stride() == weight.stride() and (momentum == 1).all()


def test_validation_moves_nothing():
    hook, runner = RandomStateHook(), make_runner()
    state = get_random_state()
    hook.before_val(runner)
    draw()
    hook.after_val(runner)
    after = draw()
    set_random_state(state)
    assert draw() == after


def test_old_checkpoint_is_reported(caplog):
    RandomStateHook().after_load_checkpoint(make_runner(), {})
    assert 'without RandomStateHook' in caplog.text


def test_other_number_of_processes_is_reported(caplog):
    hook, runner = RandomStateHook(), make_runner()
    states = [get_random_state(), get_random_state()]
    hook.after_load_checkpoint(runner, {'random_states': states})
    hook.before_train(runner)
    assert re.search('2 process.* 1', caplog.text)


@pytest.mark.parametrize('resumed', [None, 1, 3])
def test_each_rank_draws_its_own_numbers(monkeypatch, resumed):
    """Also those that a checkpoint of fewer ranks has no state for."""
    monkeypatch.setattr(random_state_hook, 'get_world_size', lambda: 3)
    start, drawn = get_random_state(), []
    for rank in range(3):
        set_random_state(start)
        monkeypatch.setattr(random_state_hook, 'get_rank', lambda rank=rank: rank)
        hook, runner = RandomStateHook(), make_runner()
        states = [start]
        for _ in range((resumed or 1) - 1):
            draw()
            states.append(get_random_state())
        if resumed:
            hook.after_load_checkpoint(runner, {'random_states': states})
        hook.before_train(runner)
        drawn.append(draw())
        set_random_state(start)
    assert drawn[0] == draw()
    for numbers in zip(*drawn, strict=True):
        assert len(set(numbers)) == 3


@pytest.mark.parametrize(('iteration', 'saves'), [(0, False), (1, True), (4, True)])
def test_ranks_gather_exactly_when_a_checkpoint_is_due(monkeypatch, iteration, saves):
    monkeypatch.setattr(random_state_hook, 'get_world_size', lambda: 2)
    gathered = []

    def gather(state):
        gathered.append(state)
        return [state, state]

    monkeypatch.setattr(random_state_hook, 'all_gather_object', gather)
    runner = make_runner(
        hooks=[CheckpointHook(interval=2, by_epoch=False)], iter=iteration, max_iters=5
    )
    hook, checkpoint = RandomStateHook(), {}
    hook.after_train_iter(runner, iteration)
    hook.before_save_checkpoint(runner, checkpoint)
    assert bool(gathered) == saves
    assert len(checkpoint['random_states']) == (2 if saves else 1)
