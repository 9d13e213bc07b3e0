"""Names of files: clips, frames and labels, their order, and outputs.

Data sets, metrics and tools all ask here, so that a file counts everywhere or nowhere.
"""

import os
import os.path as osp
import re
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

from mmdepthseg.utils.errors import UserError, listed

_FRACTION = re.compile(r'\d+\.(\d+)')
_NUMBERS = re.compile(r'(\d+(?:\.\d+)?)')
_LAST_NUMBER = re.compile(r'(|.*?\D)(\d+(?:\.\d+)?)')
#: Digits of a time of day, hours first.
MIDNIGHT = 6
#: Changes from which on, and digits up to which, frames are counted within seconds.
_COUNTED, _COUNT_DIGITS = 3, 3
#: Where numbers of two digits in times of day start again: seconds, frames of a second.
_TIMES = (24, 25, 30, 50, 60)
#: Folder of a clip's frames, which the frames' names leave out.
CLIP_FRAMES = 'frames'
#: Ends of the names of frames, in any case.
FRAMES = ('.jpg', '.jpeg', '.png')
#: The same of pictures that are only shown.
PICTURES = (*FRAMES, '.webp', '.bmp', '.tif', '.tiff', '.ppm')
#: The same of all images; where others are looked for, these are not read silently.
IMAGES = (
    *PICTURES,
    *('.jpe', '.jfif', '.jp2', '.pgm', '.pnm', '.gif', '.tga', '.exr', '.hdr'),
    *('.heic', '.heif', '.avif', '.dng'),
)


def is_data(name: str) -> bool:
    """Tell whether a file or folder is the user's, not left by a system or tool.

    Names that begin with a point (`._1.jpg`, `.ipynb_checkpoints`) and macOS' folder
    `__MACOSX` in archives are not.
    """
    return not name.startswith('.') and name != '__MACOSX'


def list_files(
    folder: str, suffixes: str | Sequence[str], alone: bool = False, cure: str = ''
) -> dict[str, str]:
    """List the files of a folder that end with one of the suffixes.

    Args:
        folder: The folder; it may be missing.
        suffixes: Ends of the names, in any case (`.PNG` is `.png`).
        alone: Whether no other images belong into the folder.
        cure: See `_scan`.

    Returns:
        `{name without suffix: path}`, sorted by name.

    Warns:
        UserWarning: See `_scan`.

    Raises:
        UserError: Two files differ only in the suffix.
    """
    ends = [suffixes] if isinstance(suffixes, str) else list(suffixes)
    ends = sorted((end.lower() for end in ends), key=len, reverse=True)

    def cut(name: str) -> str:
        return name[: -next(len(end) for end in ends if name.lower().endswith(end))]

    return _by_stem(folder, _scan(folder, ends, alone, cure), cut)


def list_frames(
    folder: str, suffixes: Sequence[str] = FRAMES, cure: str = ''
) -> dict[str, str]:
    """List the frames of a video in the order of their numbers: 2 before 10.

    Args:
        folder: The folder; it may be missing.
        suffixes: Ends of the names, in any case.
        cure: See `_scan`.

    Returns:
        `{name without extension: path}`.

    Warns:
        UserWarning: If numbers after a point look like counts, not decimals; and see
            `_scan`.

    Raises:
        UserError: Two frames differ only in the extension.
    """
    found = _scan(folder, [end.lower() for end in suffixes], cure=cure)
    names = sorted(found, key=natural_key)
    # 1.9 and 1.10: a decimal without padding does not end in 0, a count does
    parts = [match[1] for name in names for match in _FRACTION.finditer(name)]
    counts = [part for part in parts if len(part) > 1 and part.endswith('0')]
    if counts and len({*map(len, parts)}) > 1:
        warnings.warn(
            f'{folder}: frames are in the order of decimals, so .{counts[0]} comes '
            'before .9. If these are counts, rename the frames, with underscores.',
            stacklevel=2,
        )
    return _by_stem(folder, names, lambda name: osp.splitext(name)[0])


def _scan(
    folder: str, ends: Sequence[str], alone: bool = False, cure: str = ''
) -> list[str]:
    """Return the sorted names in a folder that end with one of the lower-case ends.

    Args:
        folder: The folder; it may be missing.
        ends: The ends.
        alone: Whether no other images belong into the folder.
        cure: What else than converting them the caller's user can do about images that
            are left out, by the options that this one has; follows "or".

    Warns:
        UserWarning: If images with other suffixes are left out (`1.bmp` beside `.png`);
            with `alone`, if there are any other images.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if is_data(entry.name) and not entry.is_dir(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    parts = [end.rpartition('.') for end in ends]
    images = [start for start, _, suffix in parts if f'.{suffix}' in IMAGES]
    starts = [''] if alone else images
    alike = tuple(start + suffix for start in starts for suffix in IMAGES)
    found = [name for name in names if name.lower().endswith(tuple(ends))]
    others = sorted({n for n in names if n.lower().endswith(alike)} - {*found})
    if others:
        warnings.warn(
            f'{folder}: {len(others)} image(s) left out ({listed(others)}), because '
            f'their names do not end with {", ".join(ends)}: convert or remove them'
            f'{cure and f", or {cure}"}',
            stacklevel=3,
        )
    return found


def _by_stem(
    folder: str, names: Iterable[str], stem_of: Callable[[str], str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        path = osp.join(folder, name)
        other = found.setdefault(stem_of(name), path)
        if other != path:
            raise UserError(
                f'{folder} holds {osp.basename(other)} and {name}, which have the same '
                'name except for the suffix: rename or remove one of them'
            )
    return found


def list_folders(folder: str) -> list[str]:
    """Return the sorted names of a folder's folders; the folder may be missing."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and is_data(e.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_tree(
    root: str | None, suffix: str, alone: bool = False, cure: str = ''
) -> dict[str, str]:
    """List the files `root/<city>/<name><suffix>`.

    Args:
        root: Folder of folders; None lists nothing.
        suffix: End of the names, in any case.
        alone: See `list_files`.
        cure: See `_scan`.

    Returns:
        `{'<city>/<name>': path}`, sorted.

    Raises:
        UserError: Two files of a folder differ only in the suffix.
    """
    root = root or ''
    return {
        f'{city}/{name}': path
        for city in (list_folders(root) if root else ())
        for name, path in list_files(osp.join(root, city), suffix, alone, cure).items()
    }


def list_below(
    root: str, suffix: str, without: Collection[str] = (), cure: str = ''
) -> dict[str, str]:
    """List the files that end with a suffix in a folder and all folders below it.

    Args:
        root: The folder; it may be missing.
        suffix: End of the names, in any case.
        without: Paths of folders below it to leave out, such as those of labels.
        cure: See `_scan`.

    Returns:
        `{path below the root, without suffix: path}`, a folder's own files first.

    Raises:
        UserError: Two files of a folder differ only in the suffix.
    """
    found = list_files(root, suffix, cure=cure)
    for folder in list_folders(root):
        place = osp.join(root, folder)
        if place in without:
            continue
        for name, path in list_below(place, suffix, without, cure).items():
            found[f'{folder}/{name}'] = path
    return found


def natural_key(name: str) -> tuple:
    """Return the sorting key of a frame: digits are numbers, with a point decimals.

    So time stamps without padding are in order: .2, .25, .3. Equal numbers (1, 01) are
    in the order of their names. Decimal, because stamps in nanoseconds exceed a float.
    """
    parts = _NUMBERS.split(name)
    return [Decimal(p) if i % 2 else p for i, p in enumerate(parts)], name


def number_gaps(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return where the numbers of a clip's frames go on farther than usual.

    Args:
        names: Names without suffix, in the order of `list_frames`.

    Returns:
        Names before and after each gap: of frames that end in numbers which differ by
        twice the median step or more, and which are the same in front of it. None if
        that is true of more than a third of the steps, as of irregular times.
    """
    cuts = [_LAST_NUMBER.fullmatch(name) for name in names]
    steps = {
        (names[i], names[i + 1]): Decimal(after[2]) - Decimal(before[2])
        for i, (before, after) in enumerate(pairwise(cuts))
        if before and after and before[1] == after[1]
    }
    usual = statistics.median_low(steps.values()) if steps else Decimal(0)
    gaps = [pair for pair, step in steps.items() if step >= 2 * usual > 0]
    return gaps if 3 * len(gaps) <= len(steps) else []


def sequence_changes(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return where a clip's frames go on with another camera or sequence.

    Args:
        names: Names without suffix, in the order of `list_frames`.

    Returns:
        Names before and after each such place: the text in front of a number changes
        (`left_2`, `right_0`), or what follows equal numbers (`2_left`, `2_right`), or
        a number that changes seldom rises while a later one falls (`1_31`, `2_00`),
        other than as times do (`1_59`, `2_00`), or a later text changes. Names without
        a number say nothing.
    """
    steps = []  # the names, and the first part in which they differ; texts are even
    keys = [natural_key(name)[0] for name in names]
    for pair, (one, other) in zip(pairwise(names), pairwise(keys), strict=True):
        parts = enumerate(zip(one, other, strict=False))
        first = next((i for i, (a, b) in parts if a != b), None)
        if first is not None and len(one) > 1 and len(other) > 1:
            steps.append((pair, first, one, other))
    places = Counter(first for _, first, _, _ in steps)
    longest: dict[int, Decimal] = {}
    for _, first, one, other in steps:
        if first % 2:
            step = other[first] - one[first]
            longest[first] = max(step, longest.get(first, step))
    changes = [
        (pair, first)
        for pair, first, _, _ in steps
        if first % 2 == 0
        or (2 * places[first] <= len(steps) and not _goes_on(*pair, longest))
    ]
    counted = {first for _, first in changes if _is_counted(changes, first)}
    return [pair for pair, first in changes if first not in counted]


def _is_counted(changes: list[tuple[tuple[str, str], int]], first: int) -> bool:
    """Tell whether names count frames within seconds: `1_29`, `2_00`, ..., `2_29`.

    Args:
        changes: Pairs of names, and the part in which they differ first.
        first: A part: the seconds, which rise by one; frames start again, at one
            number.
    """
    pairs = [pair for pair, part in changes if part == first]
    if first % 2 == 0 or len(pairs) < _COUNTED:
        return False
    starts = set()
    for one, other in pairs:
        before, after = _NUMBERS.split(one), _NUMBERS.split(other)
        if Decimal(after[first]) - Decimal(before[first]) != 1:
            return False
        starts.add(tuple(after[first + 2 :: 2]))
    return len(starts) == 1 and all(len(n) <= _COUNT_DIGITS for n in starts.pop())


def _goes_on(one: str, other: str, longest: Mapping[int, Decimal]) -> bool:
    """Tell whether a sequence goes on where a number rises that changes seldom.

    Args:
        one: The name before.
        other: The name after it.
        longest: The longest step of each part of the names.
    """
    before, after = _NUMBERS.split(one), _NUMBERS.split(other)
    if before[::2] != after[::2]:
        return False
    falls = []
    for i, (text, new) in enumerate(zip(before, after, strict=True)):
        if i % 2 and (step := Decimal(new) - Decimal(text)) < 0:
            digits = len(text.partition('.')[0])
            if digits >= MIDNIGHT and (text[:3], new[:3]) == ('235', '000'):
                return True
            ends = (10**digits, *(_TIMES if digits == 2 else ()))
            # 59, 00 is a step of 1
            falls.append(any(0 < step + end <= 2 * longest.get(i, 0) for end in ends))
    return any(falls) or not falls


def join_path(*parts: str) -> str:
    """Return `os.path.join`, normalised: '..' removes the part written before it.

    The system would follow a link first: '../depth' of a linked `data_root` would be
    beside the link's target.
    """
    joined = osp.join(*parts)
    return osp.normpath(joined) if joined and '://' not in joined else joined


class _Sample(Protocol):
    def get(self, key: str, default: Any = None) -> Any: ...


def sample_name(sample: _Sample | Mapping, unnamed: str = 'unnamed sample') -> str:
    """Return the name of a sample in messages.

    Args:
        sample: A dict or `SegDataSample` with `img_id` or `img_path`.
        unnamed: What to return if it has neither.
    """
    return str(sample.get('img_id') or sample.get('img_path') or unnamed)


def output_name(sample: _Sample) -> str:
    """Return the name of a sample's outputs: a path without suffix below their folder.

    The name of the network, if there are several, and the sample's `img_id`, such as
    `<clip>/<frame>`; without an id the name of the image file, as in MMSegmentation.

    Args:
        sample: A dict or `SegDataSample` with `img_id` or `img_path`, and `network` if
            there are several.
    """
    path = str(sample.get('img_path') or '')
    name = sample.get('img_id') or osp.splitext(osp.basename(path))[0]
    network = sample.get('network')
    return check_below(f'{network}/{name}' if network else str(name))


def check_below(name: str) -> str:
    """Return a name of a file in some folder; refuse one that leads out of it.

    Raises:
        UserError: The name is absolute or has `..` in it.
    """
    if osp.isabs(name) or '..' in name.split('/'):
        raise UserError(f'{name!r} is not a name below a folder: rename the file')
    return name


class OutputNames:
    """Names of the outputs of a run, of which no two images may have the same."""

    def __init__(self) -> None:
        self._images: dict[str, str] = {}

    def claim(self, name: str, sample: _Sample) -> None:
        """Take a name for the outputs of a sample.

        Raises:
            UserError: The outputs of another image have that name.
        """
        path = str(sample.get('img_path'))
        other = self._images.setdefault(name, path)
        if other != path:
            raise UserError(
                f'{other} and {path} would both write the output {name}: evaluate '
                'them separately, or rename one of them'
            )
