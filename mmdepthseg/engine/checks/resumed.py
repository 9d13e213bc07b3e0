"""Comparison of a checkpoint's optimiser and schedules with those of the config."""

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmdepthseg.engine.runs import all_schedulers
from mmdepthseg.utils.errors import UserError, listed

#: Entries of parameter groups that change no numbers.
_FREE = {'params', 'fused', 'foreach', 'capturable', 'differentiable'}
_NOT_SAVED = {'optimizer', 'last_step', 'verbose'}


def check_resumed(name: str, checkpoint: Mapping, runner: Runner) -> None:
    """Refuse to resume an optimiser or schedules that the config has changed.

    MMEngine takes rates, weight decay and the schedules' lengths from the checkpoint,
    so a changed config would have no effect on them.

    Args:
        name: Of the checkpoint, for messages.
        checkpoint: Its content.
        runner: The Runner, before it loads the optimiser's state.

    Raises:
        UserError: Gives the numbers of parameters, or names the settings with their
            values.
    """
    saved = checkpoint.get('optimizer') or {}
    wrapper = getattr(runner, 'optim_wrapper', None)
    if not isinstance(wrapper, OptimWrapper) or 'param_groups' not in saved:
        return
    groups = saved['param_groups'], wrapper.optimizer.param_groups
    then, now = ([len(group['params']) for group in one] for one in groups)
    if then != now:
        raise UserError(
            f'{name} cannot be resumed: its optimiser had {len(then)} parameter groups '
            f'({sum(then)} parameters), but that of the config has {len(now)} '
            f'({sum(now)} parameters), so optim_wrapper.paramwise_cfg or '
            'optim_wrapper.constructor has changed. Resume with the original settings '
            "(MMEngine's default: --cfg-options "
            'optim_wrapper.constructor=DefaultOptimWrapperConstructor), or start a new '
            'training from its weights with load_from'
        )
    changes = [*_changed_groups(*groups, _scales_rates(runner))]
    if 'param_schedulers' in checkpoint:  # CheckpointHook may leave them out
        changes += _changed_schedules(
            checkpoint['param_schedulers'], runner.param_schedulers
        )
    if changes:
        raise UserError(
            f'{name} cannot be resumed with other settings: {listed(changes, 6)}. They '
            'would have no effect, because the checkpoint has its own. Resume with the '
            'original settings, or start a new training from its weights with load_from'
        )


def _scales_rates(runner: Runner) -> bool:
    """Tell whether rates follow the number of devices, which may have changed."""
    scaling = runner.cfg.get('auto_scale_lr') or {}
    return bool(scaling.get('enable'))


def _changed_groups(then: list, now: list, scaled: bool) -> Iterator[str]:
    """Name the changed settings of parameter groups, each once."""
    names = {key for group in now for key in group} - _FREE
    # what a schedule changes has its first value under this name
    names -= {key.removeprefix('initial_') for key in names if 'initial_' in key}
    for key in sorted(names - ({'lr', 'initial_lr'} if scaled else set())):
        for old, new in zip(then, now, strict=True):
            if key in old and not _same(old[key], new[key]):
                setting = key.removeprefix('initial_')
                yield f'optim_wrapper.optimizer.{setting} ({old[key]}, now {new[key]})'
                break


def _changed_schedules(then: Any, now: Any) -> Iterator[str]:
    """Name the changed arguments of schedules, or their changed types."""
    states: list[Mapping] = []
    for part in then.values() if isinstance(then, Mapping) else [then or ()]:
        states += part
    schedules = [*all_schedulers(now)]
    if len(states) != len(schedules):
        yield f'param_scheduler ({len(states)} schedules, now {len(schedules)})'
        return
    for place, (state, one) in enumerate(zip(states, schedules, strict=True)):
        arguments = {
            name
            for base in type(one).__mro__[:-1]
            for name in inspect.signature(base).parameters
        } - _NOT_SAVED
        new = one.state_dict()
        if state.keys() != new.keys():
            yield f'param_scheduler.{place} (another type, now {type(one).__name__})'
            continue
        for key in sorted(arguments & new.keys()):
            if not _same(state[key], new[key]):
                yield f'param_scheduler.{place}.{key} ({state[key]}, now {new[key]})'


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Counter | Mapping):
        return dict(old) == dict(new)
    if isinstance(old, list | tuple):
        return [*old] == [*new]
    return bool(old == new)
