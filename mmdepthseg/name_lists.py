"""Lists of names of images: text files with a name in each line."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmdepthseg.utils.errors import UserError, did_you_mean, listed
from mmdepthseg.utils.files import read_text, write_atomically


def check_names(names: Iterable[str]) -> None:
    """Raise UserError unless each name can be a line of a list."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UserError(f'{name!r} is not valid UTF-8: rename the file') from None
        if not name.strip() or re.search(r'^\ufeff|[\r\n]', name):
            raise UserError(f'{name!r} cannot be a line of a list: rename the file')


def write_names(path: str | Path, names: Sequence[str]) -> None:
    """Write a list of names, one per line; see `check_names`."""
    check_names(names)
    write_atomically(path, ''.join(f'{name}\n' for name in names).encode())


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Read the lines of a list that are not blank, with their numbers from 1.

    Line ends and a byte order mark are removed; spaces around a line are not, since
    they may belong to a name.

    Raises:
        UserError: The file is missing or not UTF-8 text.
    """
    if not Path(path).is_file():
        raise UserError(f'{path}: no such file')
    # Unlike `str.splitlines`, only at line ends: names may contain other separators.
    lines = enumerate(re.split(r'\r\n|\r|\n', read_text(path)), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def read_names(path: str | Path) -> list[str]:
    """Read a list of names of unknown images; see `match_list` for known ones.

    Comments, spaces around names and numbers in front of them are removed; repeated
    names are kept once.

    Raises:
        UserError: The file is missing, is not text or contains no name.
    """
    lines = [line.strip() for _, line in read_lines(path)]
    lines = [line for line in lines if not line.startswith('#')]
    if not lines:
        raise UserError(f'{path}: no name in this list')
    return list(dict.fromkeys(map(_without_number, lines)))


def match_list(path: str | Path, names: Sequence[str]) -> Iterator[int]:
    """Yield the position in `names` of each line of a list.

    A line is a name or, where that is unique, its last part (`frame` of `clip/frame`).
    Spaces may surround it, and a number and a space precede it, as in published lists.
    Whole lines take precedence, so names may begin with digits and contain spaces.
    Other lines that begin with `#` are comments, unless names begin with it.

    Args:
        path: The list.
        names: Names of all images.

    Raises:
        UserError: A line is not one of the names, or could be several of them;
            names file, number of the line and line.
    """
    same: dict[str, list[int]] = {}
    whole: dict[str, list[int]] = {}
    last: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        same.setdefault(name, []).append(index)
        for key in _keys(name):
            whole.setdefault(key, []).append(index)
        for key in _keys(name.rpartition('/')[-1]):
            last.setdefault(key, []).append(index)
    comments = not any(name.lstrip().startswith('#') for name in same)
    for number, line in read_lines(path):
        keys = [*_keys(line), *_keys(_without_number(line.strip()))]
        tries = [(same, line), *((table, k) for k in keys for table in (whole, last))]
        found = next((table[key] for table, key in tries if key in table), [])
        if len(found) == 1:
            yield found[0]
        elif found:
            several = listed([names[index] for index in found])
            raise UserError(
                f'{path}, line {number}: {line!r} is ambiguous ({several}); give the '
                'whole name'
            )
        elif not (comments and line.lstrip().startswith('#')):
            looks = f', which look like {names[0]!r}' if names else ''
            raise UserError(
                f'{path}, line {number}: {line!r} is not among the names'
                f'{looks}{did_you_mean(line, names)}'
            )


def _keys(name: str) -> list[str]:
    """Return a name with accents composed (macOS splits them), and without spaces."""
    composed = unicodedata.normalize('NFC', name)
    return list(dict.fromkeys((composed, composed.strip())))


def _without_number(line: str) -> str:
    return re.sub(r'^\d+\s+', '', line)
