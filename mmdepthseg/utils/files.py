"""Files that are never half-written, and the readers of small ones.

Small files (text, JSON, arrays) come from anybody: whatever is wrong with one is a
`UserError` that names it. No framework is imported here.
"""

import contextlib
import errno
import fcntl
import functools
import glob
import hashlib
import json
import math
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdepthseg.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np

_TEMPORARY = re.compile(r'\.tmp-\d+((-[0-9a-f]{8}){0,2}|(-[0-9a-f]{8}){2}\.\w+)$')
#: Age of a temporary file that is no longer being written, if its machine may be
#: another one.
_STALE_SECONDS = 3600
#: Levels of a JSON file; those of ours have ten at most.
_DEEPEST = 100
_KINDS: dict[type, str] = {dict: 'an object {...}', list: 'a list [...]'}


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(
    path: str | Path,
    folder: Path | None = None,
    durable: bool = False,
    keep_suffix: bool = False,
) -> Iterator[Path]:
    """Give a temporary path, which is renamed to `path` unless an error is raised.

    All processes and threads get different ones, also on other machines that see the
    folder. The file is made here, so that it is never a link that somebody has put
    there, and locked, so that `remove_leftovers` knows that it is being written.
    Its name tells the machine, because not every disk shows locks of another one.

    Args:
        path: The file; its folder is made if missing.
        folder: Where the temporary file is, on the same disk; beside `path` if None.
        durable: Wait until the disk has the file, so that it outlasts a power failure.
        keep_suffix: The temporary path has the suffix of `path`, for writers that take
            the format from it.

    Raises:
        OSError: The folder or file cannot be written; names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f'{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}-{_machine()}'
    name += path.suffix * keep_suffix
    temporary = (folder or path.parent) / name
    descriptor = None
    try:
        descriptor = _make_locked(temporary)
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable:
            _flush(path.parent)
    except OSError as error:
        # writing tells no name, and nobody knows the temporary one
        if error.filename is None or str(error.filename) == str(temporary):
            number = error.errno or errno.EIO  # numpy's error has none
            raise OSError(number, error.strerror or str(error), str(path)) from error
        raise
    finally:
        if descriptor is not None:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)


def _make_locked(path: Path) -> int:
    """Make a file and lock it; again if it was removed before it was locked."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


@functools.cache
def _machine() -> str:
    """Return 8 hexadecimal digits of this machine, until it is started again."""
    try:
        return Path('/proc/sys/kernel/random/boot_id').read_text()[:8]
    except OSError:
        return secrets.token_hex(4)


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


def file_state(path: str | Path) -> list[int]:
    """Return what changes with a file: its size, and its time in nanoseconds."""
    state = os.stat(path)
    return [state.st_size, state.st_mtime_ns]


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


def read_text(path: str | Path, tolerant: bool = False) -> str:
    """Read a text file: UTF-8, with or without a byte order mark.

    Args:
        path: The file.
        tolerant: Replace what is not UTF-8, where only the rest matters.

    Raises:
        UserError: The file is not such a text; names it.
        OSError: The file is missing or cannot be read.
    """
    return decode_text(Path(path).read_bytes(), path, tolerant)


def decode_text(data: bytes, source: str | Path, tolerant: bool = False) -> str:
    """Decode the content of a text file, see `read_text`.

    Args:
        data: The content.
        source: Name of the file.
        tolerant: See `read_text`.
    """
    try:
        return data.decode('utf-8-sig', 'replace' if tolerant else 'strict')
    except UnicodeDecodeError as error:
        raise UserError(f'{source}: not a text file in UTF-8 ({error})') from None


def read_json(path: str | Path, kind: type = object, finite: bool = False) -> Any:
    """Read a JSON file: UTF-8, with or without a byte order mark.

    Args:
        path: The file.
        kind: Type of the whole: `dict` or `list`.
        finite: Refuse numbers that are infinite or not a number.

    Raises:
        UserError: The file is not such a file, or nested too deeply; names it. (It is a
            `ValueError`, as what `json.loads` raises.)
        OSError: The file is missing or cannot be read.
    """
    return _parse_json(read_text(path), str(path), kind, finite)


def read_json_lines(path: str | Path) -> list[dict]:
    """Read a log with a JSON object in each line.

    What a kill has left of the last line is left out.

    Raises:
        UserError: Another line is not such an object; names file and line.
        OSError: The file is missing or cannot be read.
    """
    found = []
    lines = read_text(path, tolerant=True).split('\n')
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                found.append(_parse_json(line, f'{path}, line {number}', dict))
        except UserError:
            if number < len(lines):
                raise
    return found


def _parse_json(text: str, source: str, kind: type, finite: bool = False) -> Any:
    number = _finite if finite else None
    try:
        content = json.loads(text, parse_constant=number, parse_float=number)
        level = [content]
        for _ in range(_DEEPEST):
            level = [child for parent in level for child in _children(parent)]
        if level:
            raise RecursionError
    except (ValueError, RecursionError) as error:
        reason = 'nested too deeply' if isinstance(error, RecursionError) else error
        raise UserError(f'{source}: not a JSON file ({reason})') from None
    if not isinstance(content, kind):
        raise UserError(f'{source}: expected {_KINDS[kind]}, got {text.strip()[:20]}')
    return content


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f'{text} is not a finite number')
    return value


def read_array(path: str | Path, name: str | None = None) -> 'np.ndarray':
    """Memory-map the array of a .npy file, or read one of a .npz archive.

    Args:
        path: The file.
        name: Of the array in an archive; None for a .npy file.

    Raises:
        UserError: The file is missing, damaged, of the other kind, or lacks the array;
            names it. Nothing is unpickled.
    """
    import numpy as np

    if not os.path.isfile(path):
        raise UserError(f'{path}: no such file')
    names = ''
    try:
        array = np.load(path, mmap_mode='r', allow_pickle=False)
        if not isinstance(array, np.ndarray):
            with array:
                names = ', '.join(array.files)
                array = array[name] if name in array.files else None
        elif name is not None:
            array = None
    except Exception as error:  # numpy raises of all kinds for damaged files
        reason = str(error).partition('. ')[0]  # then it tells how to unpickle
        suffix = '.npz' if name else '.npy'
        raise UserError(f'{path}: not a {suffix} file of numbers ({reason})') from None
    if array is None and name is None:
        raise UserError(
            f'{path}: an archive of arrays ({names}), expected a .npy file with one '
            'array; write the one you mean with numpy.save'
        )
    if array is None:
        raise UserError(f'{path}: expected an archive (.npz) with an array {name!r}')
    return array


def remove_leftovers(place: str | Path) -> None:
    """Remove the temporary files that killed processes left.

    Locked ones stay, because they are being written; of other machines, whose locks may
    not be seen here, also recent ones. Recent is meant by the disk's clock.

    Args:
        place: A folder with all below it, or a file that is about to be written.
    """
    place = Path(place)
    folder = place if place.is_dir() else place.parent
    names = glob.escape(place.name) if folder != place else '*'
    search = folder.glob if folder != place else folder.rglob
    found = [p for p in search(f'{names}.tmp-*') if _TEMPORARY.search(p.name)]
    if not found:
        return
    with tempfile.TemporaryFile(dir=folder) as file:
        now = os.fstat(file.fileno()).st_mtime
    for path in found:
        _remove_if_left(path, now)


def _remove_if_left(path: Path, now: float) -> None:
    """Remove a temporary file if nobody writes it any longer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # renamed or removed meanwhile, or a link
        return
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return
        recent = now - state.st_mtime <= _STALE_SECONDS
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            here = f'-{_machine()}' in path.name.rpartition('.tmp-')[2]
            recent = recent and not here
        except BlockingIOError:
            return
        except OSError:  # a disk without locks: the age decides
            pass
        if not recent:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


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
