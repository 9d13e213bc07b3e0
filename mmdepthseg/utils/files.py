"""Files that are never half-written, and folders that can be written to.

No framework is imported here.
"""

import hashlib
import json
import math
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmdepthseg.utils.errors import UserError

_TEMPORARY = re.compile(r'\.tmp-\d+(-[0-9a-f]{8})?$')
#: Age of a temporary file that is no longer being written.
_STALE_SECONDS = 3600


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def atomic_path(
    path: str | Path, folder: Path | None = None, durable: bool = False
) -> Iterator[Path]:
    """Give a temporary path, which is renamed to `path` unless an error is raised.

    All processes and threads get different ones, also on other machines that see the
    folder.

    Args:
        path: The file; its folder is made if missing.
        folder: Where the temporary file is, on the same disk; beside `path` if None.
        durable: Wait until the disk has the file, so that it outlasts a power failure.

    Raises:
        OSError: The folder or file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f'{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}'
    temporary = (folder or path.parent) / name
    try:
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable:
            _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file or the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: str | Path, data: bytes, durable: bool = False) -> None:
    """Write a file so that it exists whole or not at all; see `atomic_path`.

    Args:
        path: The file; its folder is made if missing.
        data: The whole content.
        durable: See `atomic_path`.
    """
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def inside(folder: str | Path, name: str) -> Path:
    """Return the path of a file to write or remove, which must not leave its folder.

    The folder itself may be a link; a link below it must not lead out of it.

    Args:
        folder: The folder.
        name: Path below it, from data: a file's content or the name of a sample.

    Raises:
        UserError: The name is absolute, or leads out of the folder.
    """
    path, root = Path(folder, name), os.path.realpath(folder)
    parent = os.path.realpath(path.parent)
    if path.name == '..' or os.path.commonpath([root, parent]) != root:
        raise UserError(
            f'{name!r} leads out of {folder}: nothing is written or removed there'
        )
    return path


def read_json(path: str | Path, finite: bool = False) -> Any:
    """Read a JSON file: UTF-8, with or without a byte order mark.

    Args:
        path: The file.
        finite: Refuse numbers that are infinite or not a number.

    Raises:
        UserError: The file is not such a file, or nested too deeply; names it. (It is a
            `ValueError`, as what `json.loads` raises.)
        OSError: The file is missing or cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        text = data.decode('utf-8-sig')
        if not finite:
            return json.loads(text)
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = 'nested too deeply' if isinstance(error, RecursionError) else error
        raise UserError(f'{path}: not a JSON file ({reason})') from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f'{text} is not a finite number')
    return value


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files that killed processes left below a folder.

    Recent ones stay, because a running process may be writing them.
    """
    for path in Path(folder).rglob('*.tmp-*'):
        if not _TEMPORARY.search(path.name):
            continue
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
        except FileNotFoundError:
            pass  # renamed or removed meanwhile


def check_writable(folder: str | os.PathLike, what: str) -> None:
    """Make `folder` and try to write in it.

    Raises:
        UserError: Naming the folder, its purpose and the system's reason.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=os.fspath(folder)):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        message = f'cannot write to {folder}: {reason}; it is the {what}'
        raise UserError(message) from error
