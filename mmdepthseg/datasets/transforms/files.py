"""Reading image files: the values in the array are those in the file, or an error.

Decoders silently fill truncated files with grey, turn images, reduce 16 bits to 8, drop
alpha and stretch small numbers. Here each of these is undone, or refused with the names
of the file and of the property.
"""

import io
from collections.abc import Container

import mmcv
import mmengine.fileio as fileio
import numpy as np
from PIL import Image

from mmdepthseg.camera import Size
from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.transforms.jpeg import decode_reduced

JPEG, PNG = b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'
#: Last chunk of a PNG, and the bytes at a file's end in which it mostly is.
PNG_END, TAIL = b'IEND', 4096
#: Markers of a JPEG: its end, the start of its pixels, and those without a length.
JPEG_END, JPEG_SCAN = b'\xff\xd9', 0xDA
JPEG_ALONE = {0x01, *range(0xD0, 0xD9)}
#: Position of the bit depth in a png's header; the colour type follows, 0 for grey.
PNG_DEPTH = 24
#: EXIF's tag of the orientation, and its values that turn; 1: as the pixels are stored.
ORIENTATION, TURNED = 0x0112, range(2, 9)
#: Modes of Pillow that decoders convert to BGR without loss.
COLOURS = ('1', 'L', 'P', 'RGB')


def read_bytes(
    path: str, what: str, backend_args: dict | None = None, missing: str = ''
) -> bytes:
    """Return the content of a file.

    Args:
        path: File, in any of MMEngine's storage backends.
        what: Kind of file ("Image"), for the error.
        backend_args: Of `mmengine.fileio.get`.
        missing: What to do if there is no such file, for the error.

    Returns:
        Its bytes.

    Raises:
        BrokenFileError: The file is missing, unreadable, empty or truncated.
    """
    problem = ''
    try:
        content = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError:
        content, problem = b'', ': '.join(filter(None, ('does not exist', missing)))
    except OSError as error:
        content, problem = b'', f'cannot be read: {error}'
    if not content:
        problem = problem or 'is empty'
    if content.startswith(PNG):
        whole = PNG_END in content[-TAIL:] or PNG_END in png_chunks(content)
        problem = '' if whole else 'is truncated'
    elif content.startswith(JPEG):
        problem = '' if _has_jpeg_end(content) else 'is truncated'
    if problem:
        raise BrokenFileError(f'{what} {path} {problem}')
    return content


def decode(
    content: bytes,
    path: str,
    what: str,
    flag: str = 'color',
    backend: str | None = 'cv2',
    reduction: int = 1,
) -> np.ndarray:
    """Decode an image.

    Args:
        content: Bytes of the file.
        path: Name of the file, for the error.
        what: Kind of file, for the error.
        flag: Of `mmcv.imfrombytes`; `'color'` gives 3 channels BGR also for grey and
            palette files, `'unchanged'` the file's own channels.
        backend: Of `mmcv.imfrombytes`.
        reduction: Divisor of a JPEG's size at which to decode it, see `jpeg`.

    Returns:
        The image.

    Raises:
        BrokenFileError: The bytes are not an image, or one that viewers turn, or one
            that would lose bits, colours or alpha.
    """
    problem = ''
    try:
        problem = _problem(content, flag)
        if problem:
            image = None
        elif reduction > 1:
            image = decode_reduced(content, reduction)
        else:
            image = mmcv.imfrombytes(content, flag, backend=backend)
    except Exception as error:  # each decoder has its own kinds
        image, problem = None, f'cannot be decoded: {error}'
    if image is None:
        problem = problem or 'cannot be decoded: it is damaged or not an image'
        raise BrokenFileError(f'{what} {path} {problem}')
    return image


def image_size(content: bytes, path: str, what: str, flag: str = 'color') -> Size:
    """Return the size of an image, decoding as little as possible.

    Args:
        content: Bytes of the file.
        path: Name of the file, for the error.
        what: Kind of file, for the error.
        flag: Of `decode`.

    Returns:
        (height, width).

    Raises:
        BrokenFileError: See `decode`.
    """
    problem = _problem(content, flag)
    if problem:
        raise BrokenFileError(f'{what} {path} {problem}')
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size[::-1]
    except Exception:  # a format that Pillow does not know; or damaged
        return decode(content, path, what, flag).shape[:2]


def decode_values(
    content: bytes, path: str, what: str, dtype: type[np.unsignedinteger]
) -> np.ndarray:
    """Decode a map of numbers: those that the file stores.

    Args:
        content: Bytes of the file.
        path: Name of the file, for the error.
        what: Kind of file, for the error.
        dtype: Type of the numbers; grey and palette files of 1, 2 and 4 bits are uint8.

    Returns:
        (H, W); of a palette file the indices.

    Raises:
        BrokenFileError: See `decode`; or if the file has several channels, numbers of
            another type, or lossy compression.
    """
    _refuse_jpeg(content, path, what)
    values = decode(content, path, what, 'unchanged')
    if values.ndim == 3:  # OpenCV replaces a palette's indices by their colours
        values = decode(content, path, what, 'unchanged', 'pillow')
    if values.dtype == bool:
        values = values.astype(np.uint8)
    elif content.startswith(PNG) and values.ndim == 2:
        bits, colour_type = content[PNG_DEPTH], content[PNG_DEPTH + 1]
        if bits < 8 and colour_type == 0:  # decoders stretch them to 0..255
            values //= 255 // (2**bits - 1)
    if values.dtype != dtype or values.ndim != 2:
        bits = 8 * np.dtype(dtype).itemsize
        raise BrokenFileError(
            f'{what} {path} must be a {bits}-bit one-channel png, it has type '
            f'{values.dtype} and shape {values.shape}'
        )
    return values


def _refuse_jpeg(content: bytes, path: str, what: str) -> None:
    if content.startswith(JPEG):
        raise BrokenFileError(
            f'{what} {path} is a JPEG, which changes the numbers: store it as PNG'
        )


def png_chunks(png: bytes) -> dict[bytes, slice]:
    """Return the types of the chunks of a png file, and where the first of each is."""
    places: dict[bytes, slice] = {}
    place = len(PNG)
    while place + 8 <= len(png):
        size = int.from_bytes(png[place : place + 4], 'big')
        places.setdefault(
            png[place + 4 : place + 8], slice(place + 8, place + 8 + size)
        )
        place += 12 + size
    return places


def _has_jpeg_end(content: bytes) -> bool:
    """Tell whether the pixels of a JPEG end; other data may follow, as in phones'.

    The end of a thumbnail in front of the pixels does not count.
    """
    place = 2
    while content[place : place + 1] == b'\xff' and place + 4 <= len(content):
        marker = content[place + 1]
        if marker == JPEG_SCAN:
            break
        if marker == 0xFF:  # fills
            place += 1
        elif marker in JPEG_ALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return content.rfind(JPEG_END, place) >= 0


def _problem(content: bytes, flag: str) -> str:
    """Return what forbids decoding an image with a flag, or ''."""
    chunks = png_chunks(content) if content.startswith(PNG) else {}
    problem = _turned(content, chunks)
    if problem or flag == 'unchanged':
        return problem
    return _reduced(content, chunks)


def _turned(content: bytes, chunks: Container[bytes]) -> str:
    """Return the problem of an image that its EXIF data turn, or ''.

    OpenCV would turn it, but cameras, labels and depth belong to the stored pixels.
    """
    png = content.startswith(PNG)
    if png and b'eXIf' not in chunks:
        return ''
    try:
        with Image.open(io.BytesIO(content)) as image:
            if png:  # EXIF data may come after the pixels
                image.load()
            orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF data; the decoder says whether the image is too
        return ''
    if orientation not in TURNED:  # 0, which some cameras write, is undefined
        return ''
    return (
        f'has the EXIF orientation {orientation}: the pixels are stored turned. Turn '
        'them in the files (exiftran -a, or mogrify -auto-orient), and K with them.'
    )


def _reduced(content: bytes, chunks: Container[bytes]) -> str:
    """Return the problem of an image that 8-bit colours cannot hold, or ''."""
    cure = 'Convert the images to 8-bit RGB.'
    bits = 8
    if content.startswith(PNG):
        bits, colour_type = content[PNG_DEPTH], content[PNG_DEPTH + 1]
        if bits <= 8 and colour_type < 4 and b'tRNS' not in chunks:
            return ''
    elif not content.startswith(JPEG):
        stored = mmcv.imfrombytes(content, 'unchanged', backend='cv2')
        bits = 8 if stored is None else 8 * stored.dtype.itemsize
    if bits > 8:
        return f'has {bits} bits per channel, which would be cut to 8. {cure}'
    try:
        with Image.open(io.BytesIO(content)) as image:
            mode, alpha = image.mode, image.mode.endswith('A')
            if alpha or 'transparency' in image.info:
                if np.asarray(image.convert('RGBA'))[..., 3].min() < 255:
                    return f'has transparent pixels, whose colours are lost. {cure}'
                mode = mode.removesuffix('A')
    except Exception:  # a format that Pillow does not know; or damaged
        return ''
    return '' if mode in COLOURS else f'has the colours {mode}. {cure}'


def read_values(
    path: str,
    what: str,
    cure: str,
    dtype: type[np.unsignedinteger] = np.uint16,
    backend_args: dict | None = None,
) -> np.ndarray:
    """Read a map of numbers, see `decode_values`.

    Args:
        path: The file.
        what: Kind of file, for the error.
        cure: What to do about a bad one, for the error.
        dtype: Type of the numbers.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, damaged or of another kind.
    """
    try:
        content = read_bytes(path, what, backend_args)
        return decode_values(content, path, what, dtype)
    except BrokenFileError as error:
        raise _with_cure(error, cure) from None


def _with_cure(error: BrokenFileError, cure: str) -> BrokenFileError:
    """Return the error with what to do, in a sentence of its own."""
    return BrokenFileError(f'{error}. {cure}' if cure else str(error))


def decode_stored(
    content: bytes, path: str, what: str, stored: str, table: str
) -> np.ndarray:
    """Decode a label map as its data set's table expects it.

    Args:
        content: Bytes of the file.
        path: Name of the file, for the error.
        what: Kind of file, for the error.
        stored: `'index'`, `'colour'` or `'red'`, see `label_tables.SIZES`.
        table: Name of the table, for the error.

    Returns:
        (H, W): uint8 ids, int32 colours 0xRRGGBB, or uint16 ids.

    Raises:
        BrokenFileError: The file is damaged or of another kind.
    """
    if stored == 'index':
        cure = (
            f'The {table} are of ids: 8-bit grey or palette indices. For colours, give '
            "ClipDataset or ImageLabelDataset label_table={'#RRGGBB': class index, ...}"
            if table
            else ''
        )
        try:
            return decode_values(content, path, what, np.uint8)
        except BrokenFileError as error:
            raise _with_cure(error, cure) from None
    _refuse_jpeg(content, path, what)
    values = decode(content, path, what, 'unchanged')
    if stored == 'colour' and values.shape[2:] == (4,):  # refused if transparent
        values = decode(content, path, what)
    kind = dict(colour=(np.uint8, '8-bit'), red=(np.uint16, '16-bit'))[stored]
    if values.dtype != kind[0] or values.shape[2:] != (3,):
        raise BrokenFileError(
            f'{what} {path} must be a {kind[1]} RGB png for the {table}, it has type '
            f'{values.dtype} and shape {values.shape}'
        )
    if stored == 'red':
        return values[..., 2].copy()
    blue, green, red = np.moveaxis(values.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue
