"""Checks of loops against samplers, schedules and hooks; see `CheckStartHook`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import mmengine.hooks
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from torch.utils.data import DataLoader

from mmdepthseg.datasets.samplers import MultiSourceSampler
from mmdepthseg.engine.checks.resumed import ANEW
from mmdepthseg.engine.hooks.mean_teacher_hook import MeanTeacherHook
from mmdepthseg.engine.runs import all_schedulers
from mmdepthseg.utils.errors import UserError

INFINITE = (InfiniteSampler, MultiSourceSampler)


def check_train_loop(loop: BaseLoop) -> None:
    """Refuse a loop over nothing, or over epochs whose sampler never ends.

    Raises:
        UserError: Names the loop's number, or loop and sampler.
    """
    length = 'max_epochs' if isinstance(loop, EpochBasedTrainLoop) else 'max_iters'
    for name in (length, 'val_interval'):
        number = getattr(loop, name, 1)
        if number < 1:
            raise UserError(f'train_cfg.{name} must be at least 1, got {number}')
    sampler = getattr(loop.dataloader, 'sampler', None)
    if isinstance(loop, EpochBasedTrainLoop) and isinstance(sampler, INFINITE):
        raise UserError(
            'train_cfg: an EpochBasedTrainLoop never ends its first epoch with '
            f'train_dataloader.sampler={type(sampler).__name__}, which is infinite. '
            'Use '
            "train_cfg=dict(type='IterBasedTrainLoop', max_iters=..., "
            "val_interval=...), or sampler=dict(type='DefaultSampler', shuffle=True)"
        )


def check_batches(name: str, loop: BaseLoop) -> None:
    """Refuse a data loader without any batch; MMEngine would count or divide by them.

    Raises:
        UserError: Names the data loader.
    """
    loader = loop.dataloader
    if isinstance(loader, DataLoader) and not len(loader):
        raise UserError(
            f'{name}_dataloader has no batch: {len(loop.dataloader.dataset)} samples, '
            f'batch_size={loader.batch_size}, drop_last={loader.drop_last}'
        )


def check_groups(loader: Any) -> None:
    """Compare the groups of a `MultiSourceSampler` with the batch size.

    MMEngine does not tell the sampler the batch size. If the two differ, batches do not
    coincide with its groups, and their mixture changes from step to step.

    Raises:
        UserError: They differ.
    """
    sampler = getattr(loader, 'sampler', None)
    if isinstance(sampler, MultiSourceSampler):
        size, counts = loader.batch_size, sampler.counts
        if size is not None and size != sampler.group_size:
            raise UserError(
                f'train_dataloader: batch_size={size} is not the sum of '
                f'sampler.source_counts={counts} ({sampler.group_size}); change one of '
                'them'
            )


def check_evaluation_loops(loops: Mapping[str, BaseLoop], model: Any) -> None:
    """Check that validation and test end, and that the model has what they evaluate.

    Args:
        loops: `{'val': loop, 'test': loop}`, as far as there are any.
        model: The model.

    Raises:
        UserError: Names the data loader or the loop.
    """
    for name in ('val', 'test'):
        if name not in loops:
            continue
        sampler = getattr(loops[name].dataloader, 'sampler', None)
        if isinstance(sampler, INFINITE):
            raise UserError(
                f'{name}_dataloader.sampler={type(sampler).__name__} is infinite: use '
                "dict(type='DefaultSampler', shuffle=False)"
            )
        if hasattr(loops[name], 'networks') and not hasattr(model, 'predict_with'):
            raise UserError(
                f'{name}_cfg: {type(loops[name]).__name__} needs a MeanTeacher model, '
                f'got {type(model).__name__}'
            )


def check_teacher(model: Any, hooks: Iterable[Hook]) -> None:
    """Check that a mean teacher is updated.

    Raises:
        UserError: The hook that does it is missing.
    """
    if hasattr(model, 'update_teacher'):
        if not any(isinstance(hook, MeanTeacherHook) for hook in hooks):
            raise UserError(
                f'{type(model).__name__} needs a hook that updates its teacher: '
                "default_hooks=dict(mean_teacher=dict(type='MeanTeacherHook'))"
            )


def check_lengths(
    loop: BaseLoop,
    hooks: Iterable[Hook],
    schedulers: Any,
    steps: int = 1,
    resumed: bool = False,
) -> Iterator[str]:
    """Compare what counts steps with the length of a training.

    Args:
        loop: The training's loop.
        hooks: The Runner's hooks.
        schedulers: The Runner's schedulers.
        steps: Iterations of a step of the optimiser (`accumulative_counts`).
        resumed: Whether it goes on from a checkpoint, which has its own schedules;
            `check_resumed` refuses others.

    Yields:
        Warnings: the first validation is due after the end, a mean teacher does not
        mix, or a schedule does not fit. Who changes `max_iters` alone meets these.

    Raises:
        UserError: A one-cycle schedule is shorter than the training, or an averaged
            model begins after its end: MMEngine would stop there.
    """
    epochs = isinstance(loop, EpochBasedTrainLoop)
    length = loop.max_epochs if epochs else loop.max_iters
    for one in all_schedulers(schedulers):
        total = getattr(one, 'total_steps', None)
        needed = min(one.end - 1, _length(loop, one)) - one.begin
        if total is not None and total < needed:
            raise UserError(
                f'param_scheduler: {type(one).__name__} has total_steps={total}, but '
                f'{needed} steps are made until the end of the training; it stops at '
                f'more: {_cure(f"total_steps={needed}", resumed)}'
            )
    yield from _unfit_schedules(loop, [*all_schedulers(schedulers)], resumed)
    for hook in hooks:
        if isinstance(hook, mmengine.hooks.EMAHook):
            for name in ('begin_iter', 'begin_epoch'):
                begin = getattr(hook, name)
                end = loop.max_iters if name == 'begin_iter' else loop.max_epochs
                if begin > end:
                    raise UserError(
                        f'{type(hook).__name__}: {name}={begin} is after the end of '
                        f'the training, {end}'
                    )
        elif isinstance(hook, MeanTeacherHook) and not mixes(hook, loop, steps):
            yield (
                f'MeanTeacherHook.burn_in={hook.burn_in} is not before the end of the '
                f'training, which updates the teacher {loop.max_iters // steps} times '
                f'(train_cfg.max_iters by optim_wrapper.accumulative_counts={steps}): '
                'no image is mixed'
            )
    begin = getattr(loop, 'val_begin', 0)
    if begin > length:
        yield (
            f'train_cfg.val_begin={begin} is after the end of the training, {length}: '
            'nothing is validated'
        )


def mixes(hook: MeanTeacherHook, loop: BaseLoop, steps: int) -> bool:
    """Tell whether the burn-in, in updates of the teacher, ends before the training."""
    return hook.burn_in * steps < loop.max_iters


def _unfit_schedules(loop: BaseLoop, schedules: list, resumed: bool) -> Iterator[str]:
    """Yield a warning for each schedule that ends too late, or at zero too early."""
    for place, one in enumerate(schedules):
        if isinstance(one, ReduceOnPlateauParamScheduler):
            continue
        length = _length(loop, one)
        key = f'param_scheduler.{place} ({type(one).__name__})'
        last = max(getattr(one, 'milestones', None) or [one.end])
        if last > length + 1:  # one more leaves the last step a rate above zero
            yield (
                f'{key}: it goes on to step {last}, but the training ends at {length}: '
                f'the {one.param_name} does not get to its end'
            )
        followed = any(other.begin >= one.end for other in schedules)
        if _ends_at_zero(one) and one.end < length and not followed:
            yield (
                f'{key}: the {one.param_name} is 0 from step {one.end} on, but the '
                f'training ends at {length}: {_cure(f"end={length}", resumed)}'
            )


def may_go_on(loop: BaseLoop, schedulers: Any) -> bool:
    """Tell whether a finished training learns more if it is resumed for longer.

    Args:
        loop: The training's loop.
        schedulers: The Runner's schedulers; the checkpoint keeps theirs.

    Returns:
        False if one ends with the training, or at zero.
    """
    return all(
        one.end != _length(loop, one) and not _ends_at_zero(one)
        for one in all_schedulers(schedulers)
    )


def _length(loop: BaseLoop, schedule: Any) -> int:
    by_epoch = getattr(schedule, 'by_epoch', False)
    return loop.max_epochs if by_epoch else loop.max_iters


def _ends_at_zero(schedule: Any) -> bool:
    return 0 in (getattr(schedule, n, None) for n in ('eta_min', 'end_factor'))


def _cure(setting: str, resumed: bool) -> str:
    if resumed:
        return f'a resumed training keeps its schedules: {ANEW}'
    return f'set {setting}'


def check_saving(hooks: Iterable[Hook], steps: int) -> Iterator[str]:
    """Yield a warning for each `CheckpointHook` that saves between optimiser steps.

    Args:
        hooks: The Runner's hooks.
        steps: Iterations of a step of the optimiser (`accumulative_counts`).
    """
    for hook in hooks:
        if not isinstance(hook, mmengine.hooks.CheckpointHook) or hook.by_epoch:
            continue
        if hook.interval > 0 and hook.interval % steps:
            yield (
                f'{type(hook).__name__}: interval={hook.interval} is not a multiple of '
                f'optim_wrapper.accumulative_counts={steps}: a checkpoint has no '
                'gradients, so a training resumed from one between two steps of the '
                'optimiser loses some'
            )


def check_epochs(loop: BaseLoop, hooks: Iterable[Hook], schedulers: Any) -> list[str]:
    """Look for parts that count epochs, of which a loop over iterations has one.

    Args:
        loop: The training's loop.
        hooks: The Runner's hooks.
        schedulers: The Runner's schedulers.

    Returns:
        A warning for each `CheckpointHook` that would save at the end only.

    Raises:
        UserError: A schedule would never act; names it.
    """
    if not isinstance(loop, IterBasedTrainLoop):
        return []
    for one in all_schedulers(schedulers):
        plateau = isinstance(one, ReduceOnPlateauParamScheduler)  # of validations
        if getattr(one, 'by_epoch', False) and not plateau:
            raise UserError(
                f'param_scheduler: {type(one).__name__} counts epochs, of which '
                f'{type(loop).__name__} has one, so it would not act: set '
                'by_epoch=False, with begin and end in iterations'
            )
    return [
        f'{type(hook).__name__} counts epochs, of which {type(loop).__name__} has '
        'one, so it saves at the end only: set by_epoch=False'
        for hook in hooks
        if isinstance(hook, mmengine.hooks.CheckpointHook) and hook.by_epoch
    ]
