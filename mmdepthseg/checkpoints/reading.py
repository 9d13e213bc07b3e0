"""Read checkpoints, with messages that name the file and alternatives."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

import mmdepthseg.checkpoints.safety  # noqa: F401  guards MMEngine's loaders
from mmdepthseg.utils.errors import UserError, did_you_mean


def is_remote(path: str | os.PathLike) -> bool:
    """Tell whether MMEngine fetches a path: a URL, `torchvision://resnet50`, ..."""
    return '://' in str(path)


def read_checkpoint(
    path: str | os.PathLike, role: str = 'checkpoint', map_location: Any = 'cpu'
) -> Mapping[str, Any]:
    """Load a checkpoint with MMEngine's loader; turn its errors into UserErrors.

    Args:
        path: File (`~` is expanded), or what MMEngine fetches (see `is_remote`).
        role: What it is, for the message.
        map_location: See `torch.load`.

    Returns:
        What the file holds: with or without the level 'state_dict'.

    Raises:
        UserError: The file is missing, a folder, damaged, not a checkpoint or not safe
            to read, see `safety`.
    """
    if is_remote(path):
        name, cure = str(path), 'check the address and the network'
    else:
        name, cure = _check_file(path, role), 'use an earlier one'
        cure += _one_of(Path(name).parent, Path(name).name)
    try:
        # Silent: the file is logged where it is used, not each time it is read.
        content = CheckpointLoader.load_checkpoint(name, map_location, logger='silent')
    except (MemoryError, UserError):
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            cure = f'install {error.name}'
            cure += ', or name a file or an https address' * is_remote(path)
        first = (str(error).strip().splitlines() or [''])[0]
        reason = f'{type(error).__name__}: {first[:120]}'
        problem = 'is damaged or not a checkpoint'
        if is_remote(path):
            problem = 'could not be fetched'
        raise UserError(f'{role} {path} {problem} ({reason}); {cure}') from error
    if not isinstance(content, Mapping):
        raise UserError(
            f'{role} {path} holds a {type(content).__name__}, not the weights of a '
            f'model by name; {cure}'
        )
    return content


def _check_file(path: str | os.PathLike, role: str) -> str:
    file = Path(path).expanduser()
    if file.is_dir():
        raise UserError(f'{role} {path} is a folder; name a file{_one_of(file)}')
    if not file.is_file():
        near = near_files(file, '*.pth') or _one_of(file.parent)
        raise UserError(f'{role} not found: {path}{near}')
    with open(file, 'rb') as stream:
        magic = stream.read(2)
    # torch.save writes zip files, whose directory is at the end.
    if not magic or (magic == b'PK' and not zipfile.is_zipfile(file)):
        raise UserError(
            f'{role} {path} is damaged (cut short while being written?); use an '
            f'earlier one{_one_of(file.parent, file.name)}'
        )
    return str(file)


def near_files(file: Path, pattern: str) -> str:
    """Return a hint for the message about a file that is missing: those like it."""
    if not file.parent.is_dir():
        return f' (there is no folder {file.parent})'
    return did_you_mean(file.name, [one.name for one in file.parent.glob(pattern)])


def _one_of(folder: Path, excluded: str = '') -> str:
    """List the newest checkpoints of a folder, for a message."""
    found = [f for f in folder.glob('*.pth') if f.name != excluded]
    found = sorted(found, key=lambda f: f.stat().st_mtime, reverse=True)[:3]
    return f', such as {", ".join(f.name for f in found)}' if found else ''
