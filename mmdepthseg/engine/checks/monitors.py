"""Checks of the figures that hooks and schedules watch; see `CheckStartHook`."""

from collections.abc import Iterator

import mmengine.hooks
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import Runner

from mmdepthseg.engine.runs import all_schedulers, validation_figures
from mmdepthseg.utils.errors import UserError, listed, unknown_key


def watched_figures(runner: Runner) -> Iterator[tuple[str, str, bool]]:
    """Yield each figure of the validation that is watched.

    MMEngine looks for them after the first validation.

    Yields:
        The option, the name of the figure, and whether a run without any validation
        may have it (it keeps no best checkpoint then).
    """
    for hook in runner.hooks:
        if isinstance(hook, mmengine.hooks.CheckpointHook):
            for name in hook.save_best or ():
                yield f'{type(hook).__name__}: save_best', name, True
        elif isinstance(hook, mmengine.hooks.EarlyStoppingHook):
            yield f'{type(hook).__name__}: monitor', hook.monitor, False
    for scheduler in all_schedulers(getattr(runner, 'param_schedulers', None)):
        if isinstance(scheduler, ReduceOnPlateauParamScheduler):
            yield f'{type(scheduler).__name__}: monitor', scheduler.monitor, False


def check_monitors(runner: Runner) -> list[str]:
    """Look for the figures that are watched among those of the validation.

    Returns:
        A warning for each that a metric may or may not give, because it does not tell
        the names of its figures; and for the best checkpoint, if nothing is validated.

    Raises:
        UserError: Names the option and the figures there are, if any.
    """
    figures, doubts = validation_figures(runner), []
    if figures is None:
        for option, name, dispensable in watched_figures(runner):
            doubt = (
                f'{option}={name!r}: nothing is validated, so this never acts: give '
                'val_dataloader, val_cfg and val_evaluator'
            )
            if not dispensable:
                raise UserError(doubt)
            doubts.append(doubt)
        return doubts
    names, silent = figures
    for option, name, _ in watched_figures(runner):
        if name in names or (name == 'auto' and not silent):
            continue
        if not silent:
            place = f'{option}: the validation'
            raise UserError(unknown_key(name, names, place, 'figure'))
        known = f'; known are {listed(names, 8)}' if names else ''
        doubts.append(
            f'{option}: whether the validation gives {name!r} shows after the first, '
            f'because {listed(silent)} does not tell the names of its figures{known}'
        )
    return doubts
