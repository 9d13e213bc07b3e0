"""Files that are never half-written, and folders that can be written to.

No framework is imported here.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from mmdepthseg.utils.errors import UserError


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, then rename it.

    Args:
        path: The file; its folder is made if missing.
        data: The whole content.

    Raises:
        OSError: The folder or file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'{path.name}.tmp-{os.getpid()}')
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: str | os.PathLike, what: str) -> None:
    """Make `folder` and try to write in it.

    Raises:
        UserError: Naming folder, what it is for and the system's reason.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        message = f'cannot write to {folder}: {reason}; it is the {what}'
        raise UserError(message) from error
