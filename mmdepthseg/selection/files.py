"""Files of a selection: arrays and lists that come in, splits and a record going out.

All of what is written replaces whole files at once; `selection.json` is written last,
so that it being there means that the rest is.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdepthseg.selection.features import name_rows
from mmdepthseg.selection.methods import Selection
from mmdepthseg.utils.errors import UserError, did_you_mean
from mmdepthseg.utils.files import write_atomically

RECORD = 'selection.json'
PAGE = 'selection.html'
IMAGE_TYPES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.ppm')
_SPLIT = 'budget_{}.txt'
_UNITS = {'': 1, 'k': 2**10, 'm': 2**20, 'g': 2**30, 't': 2**40}


def parse_bytes(text: str) -> int:
    """Convert '2G', '512MiB', '1.5 GB' or a plain number to bytes (units of 1024)."""
    match = re.fullmatch(r'\s*(\d+(?:\.\d*)?)\s*([kmgt]?)(?:i?b)?\s*', text.lower())
    if match is None:
        raise UserError(f'{text!r} is no amount of memory; write e.g. 2GiB or 512M.')
    return int(float(match.group(1)) * _UNITS[match.group(2)])


def load_array(path: str | Path) -> np.ndarray:
    """Memory-map a .npy file.

    Raises:
        UserError: If it is no such file (a .npz archive is none).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such file')
    try:
        array = np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(
            f'{path}: not a .npy file with one array of numbers ({error}); write it '
            'with numpy.save.'
        ) from error
    if not isinstance(array, np.ndarray):
        with array:
            names = ', '.join(array.files)
        raise UserError(
            f'{path}: an archive of arrays ({names}), expected a .npy file with one '
            'array; write the one that is meant with numpy.save.'
        )
    return array


def read_lines(path: str | Path) -> list[str]:
    """Return the non-empty lines of a text file, without surrounding blanks.

    Raises:
        UserError: If the file is missing or no text.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such file')
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f'{path}: not a text file ({error}).') from error
    return [line.strip() for line in lines if line.strip()]


def read_names(path: str | Path, size: int) -> list[str]:
    """Return the names of all frames, one a line in the order of the rows.

    Raises:
        UserError: If there are not `size` of them or two are equal.
    """
    names = read_lines(path)
    if len(names) != size:
        raise UserError(
            f'{path}: {len(names)} names, but the features have {size} rows.'
        )
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            raise UserError(
                f'{path}: {name!r} names both row {seen[name]} and row {row}.'
            )
        seen[name] = row
    return names


def read_rows(
    path: str | Path, size: int, names: Sequence[str] | None = None
) -> np.ndarray:
    """Return a list of frames, one a line: a name if there is such a one, else a row.

    Other lines that start with `#` are comments.

    Returns:
        Rows, int64, in the order of the file.

    Raises:
        UserError: For an unknown name, a row out of range, or a frame given twice.
    """
    by_name = {name: row for row, name in enumerate(names or ())}
    rows: list[int] = []
    for line in read_lines(path):
        if line in by_name:
            rows.append(by_name[line])
        elif line.startswith('#'):
            continue
        elif re.fullmatch(r'\d+', line) and int(line) < size:
            rows.append(int(line))
        elif re.fullmatch(r'-?\d+', line):
            raise UserError(
                f'{path}: row {line} is not in the pool, which has rows 0 to '
                f'{size - 1}.'
            )
        elif names is None:
            raise UserError(
                f'{path}: {line!r} is no row number, and no names were given '
                '(--names FILE).'
            )
        else:
            hint = did_you_mean(line, by_name)
            raise UserError(f'{path}: {line!r} is not among the names{hint}.')
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1].astype(np.int64)
        first = f' ({names[twice[0]]})' if names else ''
        raise UserError(f'{path}: {name_rows(twice)}{first} given more than once.')
    return np.array(rows, dtype=np.int64)


def split_name(budget: int) -> str:
    """Name of the split file of a budget."""
    return _SPLIT.format(budget)


def remove_selection(folder: str | Path) -> None:
    """Remove the selection recorded in a folder: record, page and split files.

    Only split files that the record lists go; a damaged record goes alone.
    """
    path = Path(folder) / RECORD
    try:
        splits = list(json.loads(path.read_bytes())['splits'].values())
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        splits = []
    # The record first: while it is there, so is the rest.
    path.unlink()
    (path.parent / PAGE).unlink(missing_ok=True)
    for name in splits:
        # A record is a file that anybody can edit: nothing else is removed by it.
        if re.fullmatch(_SPLIT.format(r'\d+'), str(name)):
            (path.parent / name).unlink(missing_ok=True)


def write_selection(
    folder: str | Path,
    selection: Selection,
    names: Sequence[str] | None,
    budgets: Sequence[int],
    options: dict,
    files: dict[str, dict[str, str]] | None = None,
    details: dict | None = None,
) -> list[Path]:
    """Write the split file of each budget, then `selection.json`.

    A selection that is recorded there is removed first.

    Args:
        folder: Made if missing.
        selection: What was chosen, for the largest budget.
        names: Of all frames; without them, split files hold row numbers.
        budgets: Each gets the first frames of the order; all there are if a minimum
            distance ended the selection before.
        options: What led to it, JSON types; must hold `seed`.
        files: Inputs, by role: path and sha256.
        details: What else led to it, by name, JSON types.

    Returns:
        The paths written, `selection.json` last.
    """
    folder = Path(folder)
    rows = selection.order.tolist()
    labels = [str(row) if names is None else names[row] for row in rows]
    remove_selection(folder)
    written, splits = [], {}
    for budget in sorted(set(budgets)):
        path = folder / split_name(budget)
        lines = ''.join(f'{label}\n' for label in labels[:budget])
        write_atomically(path, lines.encode())
        written.append(path)
        splits[str(budget)] = path.name
    record = {
        'seed': options['seed'],
        'order': rows,
        'names': None if names is None else labels,
        'initial': selection.initial,
        'min_distance': _numbers(selection.min_distance),
        'nearest': [row if row >= 0 else None for row in selection.nearest.tolist()],
        'score': None if selection.score is None else _numbers(selection.score),
        'stopped_by_min_distance': selection.stopped,
        'splits': splits,
        'options': options,
        'files': files or {},
        'route': selection.route,
        'pairs': selection.pairs,
        **(details or {}),
    }
    text = json.dumps(record, indent=1, allow_nan=False) + '\n'
    write_atomically(folder / RECORD, text.encode())
    return [*written, folder / RECORD]


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def find_images(where: str | Path, names: Sequence[str] | None, size: int) -> list[str]:
    """Return the paths of the frames' images.

    Args:
        where: A file with one path a line, in the order of the rows, looked for from
            the working folder, else from the list's; or a folder that `names` are
            below, with or without what the files' names end with ('.png',
            '_leftImg8bit.png'), which the first row's file tells.
        names: Of all frames; needed for a folder.
        size: Number of frames.

    Returns:
        One path per row. Only the first is known to be there.

    Raises:
        UserError: If there is no image for the first row, the list has another length
            or names are missing.
    """
    where = Path(where)
    if not where.exists():
        raise UserError(f'{where}: no such file or folder')
    if where.is_dir():
        if names is None:
            raise UserError(
                f'{where}: for a folder of images the frames need names (--names '
                'FILE); or give a file with one image path a line.'
            )
        suffix = _find_suffix(where, names[0])
        return [os.path.join(where, name + suffix) for name in names]
    paths = read_lines(where)
    if len(paths) != size:
        raise UserError(
            f'{where}: {len(paths)} image paths, but the features have {size} rows.'
        )
    for root in ('', where.parent):
        if os.path.isfile(os.path.join(root, paths[0])):
            return [os.path.join(root, path) for path in paths]
    raise UserError(
        f'{where}: {paths[0]!r} in the first line is no file, from here nor from '
        f'{where.parent}.'
    )


def _find_suffix(root: Path, name: str) -> str:
    """Return what follows a name in the file name of its image; '' if nothing does."""
    path = root / name
    if path.is_file():
        return ''
    beside = os.listdir(path.parent) if path.parent.is_dir() else []
    ends = [file[len(path.name) :] for file in beside if file.startswith(path.name)]
    # 'frame_1' is not the start of 'frame_10.png'.
    ends = [
        end
        for end in ends
        if end.lower().endswith(IMAGE_TYPES) and not end[0].isalnum()
    ]
    if not ends:
        raise UserError(
            f'{root}: no image of the first frame, {name!r}; looked for {path} with '
            f'nothing or something like {IMAGE_TYPES[0]} after it. The folder must be '
            'the one that the names are below; or give a file with one image path a '
            'line.'
        )
    return min(ends, key=lambda end: (len(end), end))
