"""Reading image files so that a bad one is named."""

import mmcv
import mmengine.fileio as fileio
import numpy as np

from mmdepthseg.datasets.errors import BrokenFileError

#: First bytes of a format and the marker that must stand near a whole file's end.
#: Decoders fill up truncated files with grey and say nothing.
END_MARKERS = ((b'\xff\xd8\xff', b'\xff\xd9'), (b'\x89PNG', b'IEND'))
TAIL = 4096


def read_bytes(path: str, what: str, backend_args: dict | None = None) -> bytes:
    """Return the content of a file.

    Args:
        path: File, in any of MMEngine's storage backends.
        what: What the file is ("Image"), for the error.
        backend_args: Of `mmengine.fileio.get`.

    Returns:
        Its bytes.

    Raises:
        BrokenFileError: If the file is missing, unreadable, empty or truncated.
    """
    try:
        content = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError:
        raise BrokenFileError(f'{what} {path} does not exist.') from None
    except OSError as error:
        raise BrokenFileError(f'{what} {path} cannot be read: {error}.') from None
    if not content:
        raise BrokenFileError(f'{what} {path} is empty.')
    for start, end in END_MARKERS:
        if content.startswith(start) and end not in content[-TAIL:]:
            raise BrokenFileError(f'{what} {path} is truncated.')
    return content


def decode(
    content: bytes,
    path: str,
    what: str,
    flag: str = 'color',
    backend: str | None = 'cv2',
) -> np.ndarray:
    """Decode an image.

    Args:
        content: Bytes of the file.
        path: Its name, for the error.
        what: What the file is, for the error.
        flag: Of `mmcv.imfrombytes`; `'color'` gives 3 channels BGR even from a
            grey file, `'unchanged'` whatever the file holds.
        backend: Of `mmcv.imfrombytes`.

    Returns:
        The image.

    Raises:
        BrokenFileError: If the bytes are no image.
    """
    try:
        image = mmcv.imfrombytes(content, flag=flag, backend=backend)
    except Exception as error:  # each decoder has its own kinds
        raise BrokenFileError(f'{what} {path} cannot be decoded: {error}.') from None
    if image is None:
        raise BrokenFileError(
            f'{what} {path} cannot be decoded: it is damaged or no image.'
        )
    return image


def read_png16(
    path: str, what: str, cure: str, backend_args: dict | None = None
) -> np.ndarray:
    """Return a 16-bit one-channel png.

    Args:
        path: The file.
        what: What the file is, for the error.
        cure: What to do about a bad one, for the error.
        backend_args: Of `mmengine.fileio.get`.

    Returns:
        (H, W) uint16.

    Raises:
        BrokenFileError: If it is missing, damaged or of another kind.
    """
    try:
        content = read_bytes(path, what, backend_args)
        array = decode(content, path, what, flag='unchanged')
    except BrokenFileError as error:
        raise BrokenFileError(f'{error} {cure}') from None
    if array.dtype != np.uint16 or array.ndim != 2:
        raise BrokenFileError(
            f'{what} {path} must be a 16-bit one-channel png, it has type '
            f'{array.dtype} and shape {array.shape}. {cure}'
        )
    return array
