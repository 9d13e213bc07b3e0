"""Read the files of other projects."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdepthseg.checkpoints.reading import read_checkpoint
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
        content = dict(read_checkpoint(file, 'file'))
        if file.stem == 'encoder':
            options = {n: content.pop(n) for n in INPUT_OPTIONS if n in content}
            source.dropped.update(dict.fromkeys(options, INPUT_OPTION))
            if {'height', 'width'} <= options.keys():
                source.input_size = _input_size(options, file)
        source.entries.update({f'{file.stem}.{n}': v for n, v in content.items()})
    return source


def _input_size(options: Mapping, file: Path) -> tuple[int, int]:
    try:
        return int(options['height']), int(options['width'])
    except (TypeError, ValueError, OverflowError):
        raise UserError(
            f'{file}: height and width are not numbers: {options["height"]!r}, '
            f'{options["width"]!r}'
        ) from None


def _training_file(file: Path) -> Source:
    content = read_checkpoint(file, 'file')
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
