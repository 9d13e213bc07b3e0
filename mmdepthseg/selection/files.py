"""Files of a selection: input arrays and lists, output splits and record.

Files are replaced as a whole. `selection.json` is written last: if it exists, the other
files are complete.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmdepthseg.name_lists import match_list, read_lines, write_names
from mmdepthseg.names import PICTURES, check_below
from mmdepthseg.selection.features import name_rows
from mmdepthseg.selection.methods import Selection
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash, read_json, write_atomically

RECORD = 'selection.json'
PAGE = 'selection.html'
_SPLIT = 'budget_{}.txt'
_UNITS = {'': 1, 'k': 2**10, 'm': 2**20, 'g': 2**30, 't': 2**40}


def parse_bytes(text: str) -> int:
    """Convert '2G', '512MiB', '1.5 GB' or a plain number to bytes (units of 1024)."""
    match = re.fullmatch(r'\s*(\d+(?:\.\d*)?)\s*([kmgt]?)(?:i?b)?\s*', text.lower())
    if match is None:
        raise UserError(
            f'{text!r} is not an amount of memory; write e.g. 2GiB or 512M.'
        )
    return int(float(match.group(1)) * _UNITS[match.group(2)])


def describe_files(paths: Mapping[str, str | Path | None]) -> dict[str, dict[str, str]]:
    """Return full path and SHA-256 of the content of each given file, by role."""
    files = {role: Path(path).expanduser() for role, path in paths.items() if path}
    return {
        role: dict(path=str(file.resolve()), sha256=file_hash(file))
        for role, file in files.items()
    }


def read_names(path: str | Path, size: int) -> list[str]:
    """Return the names of all frames, one per line in the order of the rows.

    Raises:
        UserError: Their number is not `size`, or two are equal.
    """
    names = [line for _, line in read_lines(path)]
    if len(names) != size:
        raise UserError(
            f'{path}: {len(names)} names, but the features have {size} rows'
        )
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            raise UserError(
                f'{path}: {name!r} names both row {seen[name]} and row {row}'
            )
        seen[name] = row
    return names


def read_rows(
    path: str | Path, size: int, names: Sequence[str] | None = None
) -> np.ndarray:
    """Return the rows of a list of frames, int64, in the order of the file.

    Each line is a name, see `match_list`; without names, a row number or a comment that
    begins with `#`.

    Raises:
        UserError: A line is not one of the names or rows, or a frame is given twice.
    """
    if names is not None:
        rows = list(match_list(path, names))
    else:
        lines = [(number, line.strip()) for number, line in read_lines(path)]
        rows = [
            _read_row(path, number, line, size)
            for number, line in lines
            if not line.startswith('#')
        ]
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1].astype(np.int64)
        first = f' ({names[twice[0]]})' if names else ''
        raise UserError(f'{path}: {name_rows(twice)}{first} given more than once')
    return np.array(rows, dtype=np.int64)


def _read_row(path: str | Path, number: int, line: str, size: int) -> int:
    """Return the row that a line of a list without names gives."""
    if not re.fullmatch(r'-?[0-9]{1,18}', line):
        raise UserError(
            f'{path}, line {number}: {line!r} is not a row number, and no names were '
            'given (--names FILE)'
        )
    if not 0 <= int(line) < size:
        raise UserError(
            f'{path}, line {number}: row {line} is not in the pool, which has rows 0 '
            f'to {size - 1}'
        )
    return int(line)


def split_name(budget: int) -> str:
    """Return the name of the split file of a budget."""
    return _SPLIT.format(budget)


def remove_selection(folder: str | Path) -> None:
    """Remove the selection recorded in a folder: record, page and split files.

    Of split files only those that the record lists are removed; if the record is
    damaged, only the record itself and the page.
    """
    path = Path(folder) / RECORD
    try:
        splits = list(read_json(path, dict)['splits'].values())
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        splits = []
    # The record first: as long as it exists, the rest must be complete.
    path.unlink()
    (path.parent / PAGE).unlink(missing_ok=True)
    for name in splits:
        # Anybody can edit a record, so it must not remove any other file.
        if re.fullmatch(_SPLIT.format(r'\d{1,18}'), str(name)):
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

    A selection recorded in the folder is removed first.

    Args:
        folder: Created if missing.
        selection: The selection for the largest budget.
        names: Of all frames; without them, split files contain row numbers.
        budgets: Each gets the first frames of the order; all of them if a minimum
            distance ended the selection before.
        options: Options of the selection, JSON types; must contain `seed`.
        files: Path and sha256 of each input, by role.
        details: Further entries of the record, JSON types.

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
        write_names(path, labels[:budget])
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
        'preselected': selection.preselected,
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
        where: A file with one path per line, in the order of the rows, relative to the
            working folder or else to the folder of the list; or a folder that
            contains `names`, with or without an ending ('.png',
            '_leftImg8bit.png'), which the file of the first row determines.
        names: Of all frames; needed for a folder.
        size: Number of frames.

    Returns:
        One path per row. Only the first is known to exist.

    Raises:
        UserError: The first row has no image, the list has another length or names
            are missing.
    """
    where = Path(where)
    if not where.exists():
        raise UserError(f'{where}: no such file or folder')
    if where.is_dir():
        if names is None:
            raise UserError(
                f'{where}: for a folder of images the frames need names (--names '
                'FILE); or give a file with one image path per line'
            )
        suffix = _find_suffix(where, check_below(names[0]))
        return [os.path.join(where, check_below(name) + suffix) for name in names]
    paths = [line for _, line in read_lines(where)]
    if len(paths) != size:
        raise UserError(
            f'{where}: {len(paths)} image paths, but the features have {size} rows'
        )
    for root in ('', where.parent):
        if os.path.isfile(os.path.join(root, paths[0])):
            return [os.path.join(root, path) for path in paths]
    raise UserError(
        f'{where}: {paths[0]!r} in the first line is not a file, neither in '
        f'the working folder nor in {where.parent}'
    )


def _find_suffix(root: Path, name: str) -> str:
    """Return the ending of the image file of a name; '' if the name has it."""
    path = root / name
    if path.is_file():
        return ''
    beside = os.listdir(path.parent) if path.parent.is_dir() else []
    ends = [file[len(path.name) :] for file in beside if file.startswith(path.name)]
    # 'frame_10.png' is not an image of 'frame_1'.
    ends = [
        end for end in ends if end.lower().endswith(PICTURES) and not end[0].isalnum()
    ]
    if not ends:
        raise UserError(
            f'{root}: no image of the first frame, {name!r}; looked for {path} '
            f'with and without an ending such as {PICTURES[0]}. Give the folder '
            'that contains the names, or a file with one image path per line.'
        )
    return min(ends, key=lambda end: (len(end), end))
