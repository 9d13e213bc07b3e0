"""Names of files: clips, frames and labels, their order, and the names of outputs.

Data sets, metrics and tools all ask here, so that a file counts everywhere or nowhere.
Listing a folder is one `os.scandir`, without a stat per file.
"""

import os
import os.path as osp
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from mmdepthseg.utils.errors import UserError

_FRACTION = re.compile(r'\d+\.(\d+)')
#: Ends of the names of frames, in any case.
FRAMES = ('.jpg', '.jpeg', '.png')


def is_data(name: str) -> bool:
    """Tell whether a file or folder is the user's, not left by a system or tool.

    Names that begin with a point (`._1.jpg`, `.ipynb_checkpoints`) and macOS' folder
    `__MACOSX` in archives are not.
    """
    return not name.startswith('.') and name != '__MACOSX'


def list_files(folder: str, suffixes: str | Sequence[str]) -> dict[str, str]:
    """List the files of a folder that end with one of the suffixes.

    Args:
        folder: The folder; it may be missing.
        suffixes: Ends of the names, in any case (`.PNG` is `.png`).

    Returns:
        `{name without suffix: path}`, sorted by name.

    Raises:
        UserError: If two files differ only in the suffix.
    """
    ends = [suffixes] if isinstance(suffixes, str) else list(suffixes)
    ends = sorted((end.lower() for end in ends), key=len, reverse=True)

    def cut(name: str) -> str:
        return name[: -next(len(end) for end in ends if name.lower().endswith(end))]

    return _by_stem(folder, _scan(folder, ends), cut)


def list_frames(folder: str, suffixes: Sequence[str] = FRAMES) -> dict[str, str]:
    """List the frames of a video in the order of their numbers: 2 before 10.

    Args:
        folder: The folder; it may be missing.
        suffixes: Ends of the names, in any case.

    Returns:
        `{name without extension: path}`.

    Warns:
        UserWarning: If numbers after a point look like counts, not decimals.

    Raises:
        UserError: If two frames differ only in the extension.
    """
    names = sorted(_scan(folder, [end.lower() for end in suffixes]), key=natural_key)
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


def _scan(folder: str, ends: Sequence[str]) -> list[str]:
    """Return the sorted names in a folder that end with one of the lower-case ends."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if is_data(entry.name)
                and entry.name.lower().endswith(tuple(ends))
                and not entry.is_dir(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []


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
                'name except for the suffix: rename or remove one of them.'
            )
    return found


def list_folders(folder: str) -> list[str]:
    """Return the sorted names of a folder's folders; the folder may be missing."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and is_data(e.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_tree(root: str | None, suffix: str) -> dict[str, str]:
    """List the files `root/<city>/<name><suffix>`.

    Args:
        root: Folder of folders; None lists nothing.
        suffix: End of the names, in any case.

    Returns:
        `{'<city>/<name>': path}`, sorted.

    Raises:
        UserError: If two files of a folder differ only in the suffix.
    """
    return {
        f'{city}/{name}': path
        for city in (list_folders(root) if root else ())
        for name, path in list_files(osp.join(root or '', city), suffix).items()
    }


def natural_key(name: str) -> tuple:
    """Return the sorting key of a frame: digits are numbers, with a point decimals.

    So time stamps without padding are in order: .2, .25, .3. Equal numbers (1, 01) are
    in the order of their names. Decimal, because stamps in nanoseconds exceed a float.
    """
    parts = re.split(r'(\d+(?:\.\d+)?)', name)
    return [Decimal(p) if i % 2 else p for i, p in enumerate(parts)], name


def join_path(*parts: str) -> str:
    """Return `os.path.join`, normalised: '..' removes the part written before it.

    Without that the system follows a link first, and looks for '../depth' below a
    linked `data_root` beside the link's target.
    """
    joined = osp.join(*parts)
    return osp.normpath(joined) if joined and '://' not in joined else joined


class _Sample(Protocol):
    def get(self, key: str, default: Any = None) -> Any: ...


def output_name(sample: _Sample) -> str:
    """Return the name of a sample's outputs: a path without suffix below their folder.

    `<clip>/<frame>` or `<city>/<frame>`, the sample's `img_id`; for data sets without
    ids the name of the image file, as in MMSegmentation. If several networks are
    evaluated, the name of the network comes first.

    Args:
        sample: A dict or `SegDataSample` with `img_id` or `img_path`, and `network` if
            there are several.
    """
    path = str(sample.get('img_path') or '')
    name = sample.get('img_id') or osp.splitext(osp.basename(path))[0]
    network = sample.get('network')
    return f'{network}/{name}' if network else str(name)


class OutputNames:
    """Names of the outputs of a run, of which no two images may have the same."""

    def __init__(self) -> None:
        self._images: dict[str, str] = {}

    def claim(self, sample: _Sample) -> str:
        """Return the `output_name` of a sample.

        Raises:
            UserError: If the outputs of another image have that name.
        """
        name, path = output_name(sample), str(sample.get('img_path'))
        other = self._images.setdefault(name, path)
        if other != path:
            raise UserError(
                f'{other} and {path} would both write the output {name}: evaluate '
                'them separately, or rename one of them.'
            )
        return name
