"""MMEngine's Runner for the tools, whose console is for people."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from mmdepthseg.engine.hooks import (
    CheckCheckpointHook,
    CheckStartHook,
    NonFiniteLossHook,
    RandomStateHook,
    StandingFramesHook,
    StopSignalHook,
    TrainingSummaryHook,
)
from mmdepthseg.engine.hooks.stop_signal_hook import noted_signals
from mmdepthseg.launch.opening import Opening
from mmdepthseg.launch.options import option_texts
from mmdepthseg.launch.setup import setup_speed
from mmdepthseg.utils.configs import type_name, walk
from mmdepthseg.utils.errors import UserError, check_keys
from mmdepthseg.utils.files import check_writable

#: Hooks that every job of the tools has, by their names in `default_hooks`.
GUARDS = dict(
    check_start=CheckStartHook,
    random_state=RandomStateHook,
    check_checkpoint=CheckCheckpointHook,
    non_finite_loss=NonFiniteLossHook,
    standing_frames=StandingFramesHook,
    training_summary=TrainingSummaryHook,
    stop_signal=StopSignalHook,
)


class ToolRunner(Runner):
    """MMEngine's Runner, on whose console the summary of a training comes first.

    The original begins with hundreds of lines: environment, config and order of the
    hooks. Those are in the log file only, as before; what else is logged before the
    summary follows it.
    """

    _opening: Opening
    _train_loop: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except Exception:
            if '_opening' in self.__dict__:
                self._opening.end()
            raise
        self._opening.described = True

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, and hold its console back."""
        logger = super().build_logger(*args, **kwargs)
        self._opening = Opening(logger)
        return logger

    def train(self) -> nn.Module:
        """Train; the console opens with the summary, or else with an error."""
        try:
            with noted_signals():
                return super().train()
        finally:
            self._opening.end()

    def val(self) -> dict:
        """Validate, with the console open."""
        self._opening.end()
        return super().val()

    def test(self) -> dict:
        """Test, with the console open."""
        self._opening.end()
        self.logger.info(f'Environment, config and hooks: {self.logger.log_file}')
        if isinstance(self._train_loop, dict):
            # OpenMMLab's visualisation hook asks for the iteration, which builds the
            # loop, and with it the training's data
            self._train_loop = None
            # and so does this one, which has nothing to do in a test
            self._hooks = [
                h for h in self.hooks if not isinstance(h, EarlyStoppingHook)
            ]
        return super().test()


def build_runner(
    config: Config, needs: Sequence[str], options: Mapping[str, Any] | None = None
) -> Runner:
    """Return the runner of a config, which may name its own `runner_type`.

    Configs without our hooks, such as MMSegmentation's own, get those of `GUARDS`, too,
    except those that `default_hooks` sets to None: all are checked before they start,
    refuse another model's checkpoint and end well after a signal.

    Args:
        config: Complete config.
        needs: Top-level keys that the job requires.
        options: `--cfg-options` that the config has, for the summary of a training.

    Raises:
        UserError: A key is missing.
    """
    missing = [key for key in ('model', *needs) if config.get(key) is None]
    if missing:
        source = config.filename or 'the config'
        raise UserError(f'{source} lacks {", ".join(missing)}')
    for name in ('train', 'val', 'test'):
        _check_whole(name, config)
        drop_worker_options(config.get(f'{name}_dataloader'))
    for name, hook in (config.get('default_hooks') or {}).items():
        folder = hook.get('out_dir') if isinstance(hook, dict) else None
        if folder and '://' not in str(folder):  # used at the first checkpoint
            check_writable(folder, f'default_hooks.{name}.out_dir')
    wanted = _settle_guards(config)
    if 'optim_wrapper' in needs:
        setup_speed(config)
        _check_schedules(config)
    build = RUNNERS.build if 'runner_type' in config else ToolRunner.from_cfg
    with warnings.catch_warnings():
        # of MMSegmentation's hook: nothing is drawn, unless somebody asks for it
        warnings.filterwarnings('ignore', 'The draw is False')
        runner = build(config)
    for kind in wanted:
        if not any(isinstance(hook, kind) for hook in runner.hooks):
            runner.register_hook(kind())
    for hook in runner.hooks:
        if isinstance(hook, TrainingSummaryHook):
            hook.options = option_texts(options or {})
    return runner


def _settle_guards(config: Config) -> list[type[Hook]]:
    """Take guards out of `default_hooks` that are off, or that `custom_hooks` has.

    MMEngine asserts that no default hook but its own is None.

    Returns:
        Those of which `default_hooks` says nothing.
    """
    defaults = config.get('default_hooks') or {}
    hooks = config.get('custom_hooks') or ()
    custom = {type_name(hook.get('type')) for hook in hooks if isinstance(hook, dict)}
    wanted = []
    for name, kind in GUARDS.items():
        chosen = name in defaults  # None, or perhaps a hook in its place
        if kind.__name__ in custom or (chosen and defaults[name] is None):
            defaults.pop(name, None)
        if isinstance(defaults.get(name), dict):  # options for a config without it
            defaults[name].setdefault('type', kind.__name__)
        if not chosen:
            wanted.append(kind)
    return wanted


def _check_whole(name: str, config: Config) -> None:
    """Refuse a stage that has some of its parts; MMEngine does so without their names.

    Raises:
        UserError: Names the parts that are missing.
    """
    last = 'optim_wrapper' if name == 'train' else f'{name}_evaluator'
    parts = (f'{name}_dataloader', f'{name}_cfg', last)
    missing = [key for key in parts if config.get(key) is None]
    if missing and len(missing) < len(parts):
        given = ', '.join(key for key in parts if key not in missing)
        raise UserError(
            f'{config.filename or "the config"} has {given}, but lacks '
            f'{", ".join(missing)}: give all of them, or set all to None'
        )
    loader = config.get(parts[0])
    if isinstance(loader, dict):  # MMEngine's KeyError names neither place nor cure
        needed = ('dataset', 'sampler')
        check_keys(loader, loader, f'{parts[0]} of the config', needed=needed)


def _check_schedules(config: Config) -> None:
    """Refuse a schedule that begins after its end, which may be the training's.

    MMEngine refuses it too, without the key and with an `end` that no config has.

    Raises:
        UserError: Names the keys of the schedule, and of what must end before it.
    """
    loop: Mapping = config.get('train_cfg') or {}
    parts = [*walk(config.get('param_scheduler'), 'param_scheduler')]
    for place, part in parts:
        begin = part.get('begin') if isinstance(part, Mapping) else None
        if not isinstance(begin, int | float):
            continue
        length = 'max_epochs' if part.get('by_epoch', True) else 'max_iters'
        end = part.get('end', loop.get(length))
        if not isinstance(end, int | float) or begin < end:
            continue
        keys = [f'{place}.begin'] + [
            f'{other}.end'
            for other, before in parts
            if isinstance(before, Mapping) and before.get('end') == begin
        ]
        whose = '' if 'end' in part else f', that of the training (train_cfg.{length})'
        raise UserError(
            f'{place} ({type_name(part.get("type"))}): begin={begin} is not before its '
            f'end, {end}{whose}: set {" and ".join(keys)} to less than {end}, or give '
            'a later end'
        )


def drop_worker_options(loader: dict | None) -> None:
    """Remove options of workers from a loader without workers; torch refuses them.

    Args:
        loader: Config of a data loader, changed in place.
    """
    if isinstance(loader, dict) and not loader.get('num_workers'):
        for key in ('persistent_workers', 'prefetch_factor'):
            loader.pop(key, None)
