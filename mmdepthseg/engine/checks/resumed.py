"""Comparison of what a checkpoint was made with and what the config has now."""

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmdepthseg.engine.runs import accumulated, all_schedulers
from mmdepthseg.utils.errors import UserError, listed

#: Entries of parameter groups that change no numbers.
_FREE = {'params', 'fused', 'foreach', 'capturable', 'differentiable'}
_NOT_SAVED = {'optimizer', 'last_step', 'verbose'}
#: What to do with a checkpoint that cannot go on as is meant.
ANEW = 'start a new training from its weights with load_from'
#: Where a checkpoint's `meta` has `step_settings`.
STEP = 'optim_wrapper'


def step_settings(runner: Runner) -> dict[str, Any]:
    """Return how a training makes its steps, as far as the optimiser does not save it.

    Returns:
        Keys of `optim_wrapper` -> plain values; {} with several optimisers, or none.
    """
    wrapper = getattr(runner, 'optim_wrapper', None)
    if not isinstance(wrapper, OptimWrapper):
        return {}
    return {
        'type': type(wrapper).__name__,
        'optimizer.type': type(wrapper.optimizer).__name__,
        'accumulative_counts': accumulated(runner),
        'clip_grad': dict(wrapper.clip_grad_kwargs or {}),
    }


def check_resumed(name: str, checkpoint: Mapping, runner: Runner) -> list[str]:
    """Refuse to resume an optimiser or schedules that the config has changed.

    MMEngine takes rates, weight decay and the schedules' lengths from the checkpoint,
    so a changed config would have no effect on them. It takes the averaged weights
    of an `EMAHook` for the trained ones if that is missing now.

    Args:
        name: Of the checkpoint, for messages.
        checkpoint: Its content.
        runner: The Runner, before it loads the optimiser's state.

    Returns:
        Warnings of changes that hold from here on and may be meant: precision,
        accumulation, clipping.

    Raises:
        UserError: Gives the numbers of parameters, or names the settings with their
            values, or `EMAHook`.
    """
    _check_average(name, checkpoint, runner)
    saved = checkpoint.get('optimizer') or {}
    wrapper = getattr(runner, 'optim_wrapper', None)
    if not isinstance(wrapper, OptimWrapper) or 'param_groups' not in saved:
        return []
    groups = saved['param_groups'], wrapper.optimizer.param_groups
    then, now = ([len(group['params']) for group in one] for one in groups)
    if then != now:
        raise UserError(
            f'{name} cannot be resumed: its optimiser had {len(then)} parameter groups '
            f'({sum(then)} parameters), but that of the config has {len(now)} '
            f'({sum(now)} parameters), so optim_wrapper.paramwise_cfg or '
            'optim_wrapper.constructor has changed. Resume with the original settings '
            "(MMEngine's default: --cfg-options "
            f'optim_wrapper.constructor=DefaultOptimWrapperConstructor), or {ANEW}'
        )
    steps = _changed_steps(checkpoint, runner)
    changes = [steps.pop(key) for key in [*steps] if key.startswith('optimizer.')]
    changes += _changed_groups(*groups, _scales_rates(runner))
    if 'param_schedulers' in checkpoint:  # CheckpointHook may leave them out
        changes += _changed_schedules(
            checkpoint['param_schedulers'], runner.param_schedulers
        )
    if changes:
        raise UserError(
            f'{name} cannot be resumed with other settings: {listed(changes, 6)}. They '
            'would have no effect, because the checkpoint has its own. Resume with the '
            f'original settings, or {ANEW}'
        )
    if not steps:
        return []
    amp = ' (--amp)' if 'type' in steps and type(wrapper) is OptimWrapper else ''
    return [
        f'{name} was trained with other settings: {listed([*steps.values()])}. The new '
        'ones hold from here on; if they are not meant, resume with the original '
        f'settings{amp}'
    ]


def _check_average(name: str, checkpoint: Mapping, runner: Runner) -> None:
    """Refuse an `EMAHook` that only one of checkpoint and config has.

    With the hook a checkpoint's `state_dict` is the average, and the trained weights
    are in `ema_state_dict`; only the hook puts them back.
    """
    hooks = getattr(runner, '_hooks', ())
    # others may save in the same way
    averages = any(isinstance(h, EMAHook) or hasattr(h, 'ema_model') for h in hooks)
    averaged = 'ema_state_dict' in checkpoint
    if averaged and not averages:
        raise UserError(
            f'{name} cannot be resumed without EMAHook: with it, it has averaged '
            'weights in the place of those that the optimiser had, and the training '
            "would go on from the average. Resume with custom_hooks=[dict(type='"
            "EMAHook', ...)] as before, or start a new training from the averaged "
            'weights with load_from'
        )
    if averages and not averaged:
        raise UserError(
            f'{name} cannot be resumed with EMAHook: it was trained without (it has no '
            'ema_state_dict), so the average would begin in mid-training. Leave it out '
            f'of custom_hooks, or {ANEW}'
        )


def _changed_steps(checkpoint: Mapping, runner: Runner) -> dict[str, str]:
    """Return the changes of `step_settings`, by key, that a checkpoint tells."""
    meta, now = checkpoint.get('meta'), step_settings(runner)
    then = meta.get(STEP) if isinstance(meta, Mapping) else None
    if not isinstance(then, Mapping):  # made without our hook: the scaler tells AMP
        scaled = 'loss_scaler' in checkpoint['optimizer']
        scales = hasattr(runner.optim_wrapper, 'loss_scaler')
        texts = [f'{"with" if one else "no"} loss_scaler' for one in (scaled, scales)]
        then, now = dict(type=texts[0]), dict(type=texts[1])
    return {
        key: f'optim_wrapper.{key} ({then[key]}, now {now[key]})'
        for key in sorted(then.keys() & now.keys())
        if not _same(then[key], now[key])
    }


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
        return isinstance(new, Mapping) and dict(old) == dict(new)
    if isinstance(old, list | tuple):
        return isinstance(new, list | tuple) and [*old] == [*new]
    return bool(old == new)
