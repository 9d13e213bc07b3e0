"""Listing files quickly: one `os.scandir` per folder, no stat per file."""

import os
import os.path as osp
import re
from collections.abc import Sequence
from decimal import Decimal


def is_data(name: str) -> bool:
    """Tell whether a file or folder is the user's, and not left by a system or tool.

    Names that begin with a point (`._1.jpg`, `.ipynb_checkpoints`) and macOS' folder
    `__MACOSX` in archives are not.
    """
    return not name.startswith('.') and name != '__MACOSX'


def list_names(folder: str, suffixes: str | Sequence[str]) -> list[str]:
    """Return the sorted names in a folder that end with one of the suffixes.

    [] if no folder.
    """
    suffixes = (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.name.endswith(suffixes)]
            return sorted(filter(is_data, names))
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_frames(folder: str, suffixes: Sequence[str]) -> list[str]:
    """Return a video's frame names in the order a person would count: 2 before 10.

    Args:
        folder: Folder of the frames; [] if there is no such folder.
        suffixes: Ends of the names, in any case (`.JPG` is `.jpg`).
    """
    suffixes = tuple(suffix.lower() for suffix in suffixes)
    names = list_names(folder, '')
    return sorted((n for n in names if n.lower().endswith(suffixes)), key=natural_key)


def natural_key(name: str) -> tuple:
    """Return the sorting key: digits count as numbers, with a point as decimals.

    So time stamps without padding are in order: .2, .25, .3. Equal numbers (1, 01) are
    in the order of their names. Decimal, since stamps in nanoseconds exceed a float.
    """
    parts = re.split(r'(\d+(?:\.\d+)?)', name)
    return [Decimal(p) if i % 2 else p for i, p in enumerate(parts)], name


def join_path(*parts: str) -> str:
    """Return `os.path.join`, normalised: '..' takes away the part written before it.

    Without that the system follows a link first, and '../depth' below a linked
    `data_root` is looked for beside the link's target.
    """
    joined = osp.join(*parts)
    return osp.normpath(joined) if joined and '://' not in joined else joined


def list_folders(folder: str) -> list[str]:
    """Return the sorted names of a folder's folders; [] if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and is_data(e.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_tree(root: str | None, suffix: str) -> dict[str, str]:
    """Return the files `root/<city>/<name><suffix>`.

    Args:
        root: Folder of folders; None lists nothing.
        suffix: End of the file names.

    Returns:
        `{'<city>/<name>': path}`, sorted.
    """
    found: dict[str, str] = {}
    if not root:
        return found
    for city in list_folders(root):
        folder = osp.join(root, city)
        for name in list_names(folder, suffix):
            found[f'{city}/{name[: len(name) - len(suffix)]}'] = osp.join(folder, name)
    return found
