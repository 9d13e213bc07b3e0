"""Reading image files so that a bad one is named."""

import io

import mmcv
import mmengine.fileio as fileio
import numpy as np
from PIL import Image

from mmdepthseg.datasets.errors import BrokenFileError

#: First bytes of a format and the marker that must stand near a whole file's end.
#: Decoders fill up truncated files with grey and say nothing.
END_MARKERS = ((b'\xff\xd8\xff', b'\xff\xd9'), (b'\x89PNG', b'IEND'))
TAIL = 4096
PNG = b'\x89PNG\r\n\x1a\n'
#: Where a png's header has its bit depth; the colour type is next to it, 0 for grey.
PNG_DEPTH = 24
#: EXIF's tag of the orientation; 1: as the pixels are stored.
ORIENTATION = 0x0112


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
        The image. `'unchanged'` gives the numbers in a grey png of 1, 2 or 4 bits,
        which decoders stretch to 0..255.

    Raises:
        BrokenFileError: If the bytes are no image, or one that viewers turn.
    """
    _refuse_turned(content, path, what)
    try:
        image = mmcv.imfrombytes(content, flag=flag, backend=backend)
    except Exception as error:  # each decoder has its own kinds
        raise BrokenFileError(f'{what} {path} cannot be decoded: {error}.') from None
    if image is None:
        raise BrokenFileError(
            f'{what} {path} cannot be decoded: it is damaged or no image.'
        )
    if flag == 'unchanged' and content.startswith(PNG) and image.ndim == 2:
        bits, colour_type = content[PNG_DEPTH], content[PNG_DEPTH + 1]
        if bits < 8 and colour_type == 0:
            image //= 255 // (2**bits - 1)
    return image


def _refuse_turned(content: bytes, path: str, what: str) -> None:
    """Refuse an image whose EXIF data say that it has to be turned to be seen.

    OpenCV would turn it; cameras, labels and depth belong to the stored pixels.
    """
    if b'Exif\0\0' not in content[:TAIL] and b'eXIf' not in content[:TAIL]:
        return
    try:
        orientation = Image.open(io.BytesIO(content)).getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF data; the decoder says whether the image is too
        return
    if orientation != 1:
        raise BrokenFileError(
            f'{what} {path} has the EXIF orientation {orientation}: the pixels are '
            'stored turned. Turn them in the files (exiftran -a, or mogrify '
            '-auto-orient), and K with them.'
        )


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
