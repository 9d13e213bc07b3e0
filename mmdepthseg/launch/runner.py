"""Build MMEngine's Runner for the tools."""

from collections.abc import Sequence

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmdepthseg.engine.hooks import CheckStartHook
from mmdepthseg.utils.errors import UserError


def build_runner(config: Config, needs: Sequence[str]) -> Runner:
    """Return the runner of a config, which may name its own `runner_type`.

    The checks of `CheckStartHook` are made for configs without that hook, too.

    Args:
        config: Complete config.
        needs: Top-level keys that the job requires.

    Raises:
        UserError: A key is missing.
    """
    missing = [key for key in ('model', *needs) if config.get(key) is None]
    if missing:
        source = config.filename or 'the config'
        raise UserError(f'{source} lacks {", ".join(missing)}')
    for name in ('train', 'val', 'test'):
        drop_worker_options(config.get(f'{name}_dataloader'))
    build = RUNNERS.build if 'runner_type' in config else Runner.from_cfg
    runner = build(config)
    if not any(isinstance(hook, CheckStartHook) for hook in runner.hooks):
        runner.register_hook(CheckStartHook())
    return runner


def drop_worker_options(loader: dict | None) -> None:
    """Remove options of workers from a loader without workers; torch refuses them.

    Args:
        loader: Config of a data loader, changed in place.
    """
    if isinstance(loader, dict) and not loader.get('num_workers'):
        for key in ('persistent_workers', 'prefetch_factor'):
            loader.pop(key, None)
