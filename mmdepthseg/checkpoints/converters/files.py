"""Read the files of other projects without running code that they contain."""

import contextlib
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmdepthseg.frameworks import parse_version
from mmdepthseg.utils.errors import UserError

#: Files of a folder, one part of the network each.
MODULES = ('encoder', 'depth', 'pose_encoder', 'pose')
NEEDED = ('encoder', 'depth')
#: Where a training file keeps the network.
MODEL_STATE = 'model_state'
INPUT_OPTIONS = ('height', 'width', 'use_stereo')
TRAINING_STATE = 'state of the training, not of the network'
INPUT_OPTION = 'input size and stereo flag of the training, no weights'


@dataclass
class Source:
    """Contents of the files of one network.

    Attributes:
        entries: Name with the module in front (`encoder.encoder.conv1.weight`) ->
            tensor (or another value, which no rule accepts).
        dropped: Entries that are not part of the network -> why.
        input_size: (height, width) of the training, if known.
    """

    entries: dict[str, Any] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    input_size: tuple[int, int] | None = None


def read_source(paths: Sequence[str | Path]) -> Source:
    """Read the entries of one network from its files.

    Args:
        paths: A folder, the files in it, or one training file (`best_model*.pkl`).

    Raises:
        UserError: A file is missing, damaged or not safe to read, or a needed part is
            missing.
    """
    files = _files(paths)
    if len(files) == 1:
        return _training_file(files[0])
    source = Source()
    for file in files:
        content = dict(read_safely(file))
        if file.stem == 'encoder':
            options = {n: content.pop(n) for n in INPUT_OPTIONS if n in content}
            source.dropped.update(dict.fromkeys(options, INPUT_OPTION))
            if {'height', 'width'} <= options.keys():
                source.input_size = (int(options['height']), int(options['width']))
        source.entries.update({f'{file.stem}.{n}': v for n, v in content.items()})
    return source


def _training_file(file: Path) -> Source:
    content = read_safely(file)
    state, dropped = content, {}
    if MODEL_STATE in content:
        state = content[MODEL_STATE]
        dropped = {n: TRAINING_STATE for n in content if n != MODEL_STATE}
    if not isinstance(state, Mapping):
        raise UserError(
            f'{file}: {MODEL_STATE} is a {type(state).__name__}, not a '
            'mapping of names to tensors'
        )
    prefix = re.compile(r'^(?:module\.)?models\.')
    return Source({prefix.sub('', name): v for name, v in state.items()}, dropped)


def _files(paths: Sequence[str | Path]) -> list[Path]:
    files = [Path(path).expanduser() for path in paths]
    for path in files:
        if not path.exists():
            raise UserError(f'not found: {path}')
    if len(files) == 1:
        return _files_at(files[0])
    for path in files:
        if path.is_dir():
            raise UserError(f'{path} is a folder: give it alone, or files only')
        if path.stem not in MODULES:
            raise UserError(
                f'{path}: several files must be named {_file_names(MODULES)}, which '
                'tells their contents apart'
            )
    _check_parts([path.stem for path in files], 'the files given')
    return files


def _files_at(path: Path) -> list[Path]:
    if path.is_dir():
        return _files_of(path)
    if path.stem in MODULES:
        raise UserError(
            f'{path} is one part of a network: give its folder, or the files of all '
            'parts'
        )
    return [path]


def _files_of(folder: Path) -> list[Path]:
    files = [folder / f'{name}.pth' for name in MODULES]
    files = [file for file in files if file.is_file()]
    if files:
        _check_parts([file.stem for file in files], str(folder))
        return files
    training = sorted(folder.glob('best_model*.pkl'))
    if len(training) == 1:
        return training
    found = ', '.join(file.name for file in training) or 'neither'
    raise UserError(
        f'{folder}: expected {_file_names(MODULES)}, or one best_model*.pkl, found '
        f'{found}' + ('; name one of them' if training else '')
    )


def _check_parts(names: list[str], where: str) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f'{where}: {_file_names(sorted(twice))} more than once')
    missing = [name for name in NEEDED if name not in names]
    if ('pose' in names) != ('pose_encoder' in names):
        missing.append('pose' if 'pose_encoder' in names else 'pose_encoder')
    if missing:
        raise UserError(f'{where}: {_file_names(missing)} missing')


def _file_names(names: Sequence[str]) -> str:
    return ', '.join(f'{name}.pth' for name in names)


def read_safely(path: Path) -> Mapping[str, Any]:
    """Read a torch file that holds tensors and plain values only.

    MMEngine's loader falls back to full unpickling, which runs any code in the file;
    that is not acceptable for files from the internet.

    Raises:
        UserError: The file is damaged or holds other objects; the message names them.
    """
    try:
        with _plain_numbers():
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)', str(error))
        if found is None:
            raise UserError(f'{path} is damaged or not a torch file') from error
        raise UserError(
            f'{path} holds a {found[1]} beside tensors; reading it would run code in '
            'the file, so it is not read. If you trust its origin, open it with '
            'torch.load(..., weights_only=False) yourself and save only its tensors: '
            f'torch.save(dict({MODEL_STATE}=...))'
        ) from error
    except OSError as error:
        raise UserError(f'{path}: {error.strerror or error}') from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f'{path} is damaged or not a torch file ({reason})') from error
    if not isinstance(content, Mapping):
        raise UserError(f'{path} holds a {type(content).__name__}, not weights by name')
    return content


def _plain_numbers() -> contextlib.AbstractContextManager:
    """Allow numpy scalars, such as the best IoU of a training; they run no code."""
    if parse_version(torch.__version__) < (2, 6):
        return contextlib.nullcontext()
    core = getattr(np, '_core', None) or np.core
    kinds = (np.float32, np.float64, np.int32, np.int64, np.bool_)
    # files of numpy 1 and 2 call the same function by different names
    scalar: list = [
        (core.multiarray.scalar, f'numpy.{name}.multiarray.scalar')
        for name in ('core', '_core')
    ]
    dtypes: list = [type(np.dtype(kind)) for kind in kinds]
    # on leaving, the context removes all that it was given, even if others added it
    known = torch.serialization.get_safe_globals()
    return torch.serialization.safe_globals(
        [kind for kind in (*scalar, np.dtype, *dtypes) if kind not in known]
    )
