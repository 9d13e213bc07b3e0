"""Build MMEngine's Runner for the tools."""

from collections.abc import Mapping, Sequence

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
        UserError: A key is missing, or batch size and sampler disagree.
    """
    missing = [key for key in ('model', *needs) if config.get(key) is None]
    if missing:
        source = config.filename or 'the config'
        raise UserError(f'{source} lacks {", ".join(missing)}')
    if 'train_dataloader' in needs:
        check_source_counts(config)
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


def check_source_counts(config: Config) -> None:
    """Compare the shares of a `MultiSourceSampler` with the batch size.

    The sampler does not know the batch size. If the two differ, batches do not coincide
    with the sampler's groups, and their mixture changes from step to step.

    Raises:
        UserError: They differ.
    """
    loader = config.get('train_dataloader') or {}
    sampler = loader.get('sampler') or {}
    kind = sampler.get('type', '') if isinstance(sampler, Mapping) else ''
    name = kind if isinstance(kind, str) else kind.__name__
    counts = sampler.get('source_counts') if name else None
    if name.rsplit('.', 1)[-1] != 'MultiSourceSampler' or not counts:
        return
    shares = counts.values() if isinstance(counts, Mapping) else counts
    batch_size = loader.get('batch_size')
    if batch_size is not None and sum(shares) != batch_size:
        raise UserError(
            f'train_dataloader: batch_size={batch_size} is not the sum of '
            f'sampler.source_counts={counts} ({sum(shares)}); change one of them'
        )
