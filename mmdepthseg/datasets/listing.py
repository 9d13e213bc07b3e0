"""Listing files quickly: one ``os.scandir`` per folder, no stat per file."""

import os
import os.path as osp
from collections.abc import Sequence


def list_names(folder: str, suffixes: str | Sequence[str]) -> list[str]:
    """Sorted names in a folder that end with one of the suffixes; [] if no folder."""
    suffixes = (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.name.endswith(suffixes))
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_folders(folder: str) -> list[str]:
    """Sorted names of the folders in a folder; [] if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_tree(root: str | None, suffix: str) -> dict[str, str]:
    """Files ``root/<city>/<name><suffix>``.

    Args:
        root: folder of folders; None lists nothing.
        suffix: end of the file names.

    Returns:
        ``{'<city>/<name>': path}``, sorted.
    """
    found = {}
    for city in list_folders(root) if root else ():
        folder = osp.join(root, city)
        for name in list_names(folder, suffix):
            found[f'{city}/{name[:len(name) - len(suffix)]}'] = osp.join(folder, name)
    return found
