"""Hooks that watch a figure: the best checkpoint, early stopping."""

import mmengine.hooks
from mmengine.runner import Runner

from mmdepthseg.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook
from mmdepthseg.engine.runs import validation_figures
from mmdepthseg.evaluation.figure_names import GREATER, LESS
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError, did_you_mean


def _no_rule(option: str, names: list[str]) -> UserError:
    hints = (did_you_mean(n.rpartition('/')[-1], (*GREATER, *LESS)) for n in names)
    return UserError(
        f'{option}={", ".join(names)}: whether greater or smaller is better is not '
        f'known{next(filter(None, hints), "")}; for a figure of your own give '
        "rule='greater' or rule='less'"
    )


@HOOKS.register_module()
class CheckpointHook(WholeCheckpointHook):
    """`WholeCheckpointHook`, which knows the figures of our metrics.

    MMEngine's does not know in which direction depth errors improve, and its
    `save_best='auto'` takes whichever figure comes first. Here `auto` is the main
    figure of the first metric: mIoU, abs_rel; of a mean teacher, that of the network
    that predicts.

    Args:
        *args: Of MMEngine's class.
        **kwargs: Of MMEngine's class.
    """

    _default_greater_keys = [
        *mmengine.hooks.CheckpointHook._default_greater_keys,
        *GREATER,
    ]
    _default_less_keys = [*mmengine.hooks.CheckpointHook._default_less_keys, *LESS]

    def _init_rule(self, rules: list, key_indicators: list[str]) -> None:
        try:
            super()._init_rule(rules, key_indicators)
        except ValueError as error:
            raise _no_rule('save_best', key_indicators) from error

    def before_run(self, runner: Runner) -> None:
        """Replace `auto` by the main figure of the validation."""
        super().before_run(runner)
        names, silent = validation_figures(runner) or ([], [])
        if self.save_best == ['auto'] and names and not silent:
            self._init_rule(self.rules, names[:1])


@HOOKS.register_module()
class EarlyStoppingHook(mmengine.hooks.EarlyStoppingHook):
    """MMEngine's `EarlyStoppingHook`, which knows the figures of our metrics.

    Args:
        *args: Of MMEngine's class.
        **kwargs: Of MMEngine's class.
    """

    _default_greater_keys = [
        *mmengine.hooks.EarlyStoppingHook._default_greater_keys,
        *GREATER,
    ]
    _default_less_keys = [*mmengine.hooks.EarlyStoppingHook._default_less_keys, *LESS]

    def _init_rule(self, monitor: str) -> str:
        try:
            return super()._init_rule(monitor)
        except ValueError as error:
            raise _no_rule('monitor', [monitor]) from error
