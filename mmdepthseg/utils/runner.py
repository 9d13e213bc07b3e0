"""Build MMEngine's Runner for the tools."""

from collections.abc import Sequence

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmdepthseg.utils.errors import UserError


def build_runner(config: Config, needs: Sequence[str]) -> Runner:
    """The runner of a config, which may name its own `runner_type`.

    Args:
        config: complete config.
        needs: top-level keys without which the job at hand cannot run.

    Raises:
        UserError: one of them is missing.
    """
    missing = [key for key in ("model", *needs) if config.get(key) is None]
    if missing:
        source = config.filename or "the config"
        raise UserError(f"{source} lacks {', '.join(missing)}")
    if "runner_type" in config:
        return RUNNERS.build(config)
    return Runner.from_cfg(config)
