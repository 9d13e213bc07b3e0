"""Names of files: clips, frames and labels, and outputs.

Data sets, metrics and tools all ask here, so that a file counts everywhere or nowhere.
"""

import os
import os.path as osp
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from mmdepthseg.frame_numbers import natural_key
from mmdepthseg.utils.errors import UserError, listed

_FRACTION = re.compile(r'\d+\.(\d+)')
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
