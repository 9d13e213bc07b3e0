"""Configs, work dirs and checkpoints of the tools; errors name the file or the key."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdepthseg.checkpoints.reading import is_remote, near_files, read_checkpoint
from mmdepthseg.engine.checks.values import check_values
from mmdepthseg.launch.config_keys import check_nested_keys, check_top_level_keys
from mmdepthseg.launch.options import apply_options
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import check_writable


def load_config(
    path: str | os.PathLike, options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config file and apply `--cfg-options`.

    Args:
        path: A Python, YAML or JSON config.
        options: Dotted keys to values.

    Raises:
        UserError: The file is missing or cannot be read, a key looks misspelt or a
            value is not of the type that is expected.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f'config not found: {path}{near_files(path, "*.py")}')
    try:
        config = Config.fromfile(str(path))
    except UserError:
        raise
    except Exception as error:
        reason = ' '.join(str(error).split())
        kind = type(error).__name__
        raise UserError(f'config {path} cannot be read: {kind}: {reason}') from error
    _drop_scope(config._cfg_dict, config.get('default_scope'))
    apply_options(config, options or {})
    check_top_level_keys(config)
    check_nested_keys(config)
    check_values(config)
    return config


def _drop_scope(node: Any, scope: str | None) -> None:
    """Take out of a config the `_scope_` that is its default scope anyway (in place).

    MMEngine writes it into what comes from `_base_ = 'mmdepthseg::...'`, also into
    dicts that are not built.
    """
    if isinstance(node, dict):
        if scope is not None and node.get('_scope_') == scope:
            del node['_scope_']
        node = [*node.values()]
    if isinstance(node, list | tuple):
        for value in node:
            _drop_scope(value, scope)


def prepare_work_dir(
    config: Config, config_path: str | os.PathLike, work_dir: str | None = None
) -> Path:
    """Set `config.work_dir` and make sure that it can be written to.

    The argument takes precedence over the config's own; the default is
    `work_dirs/<config name>`.

    Raises:
        UserError: The folder cannot be created or written to.
    """
    default = Path('work_dirs') / Path(config_path).stem
    path = Path(work_dir or config.get('work_dir') or default).expanduser()
    check_writable(path, 'work_dir (--work-dir chooses another)')
    config.work_dir = str(path)
    return path


def check_checkpoint_file(path: str, role: str = 'checkpoint') -> str:
    """Make sure that a checkpoint exists and can be read; URLs are not checked.

    Args:
        path: File or URL.
        role: What it is, for the message.

    Returns:
        `path` with `~` expanded.

    Raises:
        UserError: It is missing, a folder, damaged or not a checkpoint.
    """
    if is_remote(path):
        return path
    read_checkpoint(path, role)
    return str(Path(path).expanduser())
