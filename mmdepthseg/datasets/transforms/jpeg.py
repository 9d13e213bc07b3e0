"""The header of a JPEG, read without a decoder, and decoding at a part of its size.

A decoder that leaves out the high frequencies of each 8x8 block gives an image of a
half, a quarter or an eighth of the size, in less time than the whole image takes. Each
of its pixels covers as many whole pixels of the file, if the size is divisible.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mmdepthseg.camera import Size

#: Markers without a length: TEM, RST0 to RST7.
_BARE = {0x01, *range(0xD0, 0xD8)}
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
#: Start of a frame of any kind of coding; the others of C0..CF are tables.
_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FLAGS = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class JpegHeader:
    """What a JPEG says of itself.

    Attributes:
        size: (height, width).
        bits: Per channel.
        channels: 1 (grey), 3 (YCbCr or RGB) or 4 (CMYK).
        tagged: Whether it has EXIF data or XMP, which may turn the image.
    """

    size: Size
    bits: int
    channels: int
    tagged: bool


def read_header(content: bytes) -> JpegHeader | None:
    """Return the header of a JPEG; None for other content, or a damaged one."""
    place, found, tagged = 2, None, False
    if not content.startswith(b'\xff\xd8\xff'):
        return None
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF or marker in _BARE:  # a filling byte
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _SCAN and found is not None:
            return JpegHeader(*found, tagged)
        if marker in (_SCAN, _END):
            return None
        tagged = tagged or marker == _APP1
        if marker in _FRAME:
            numbers = content[place + 4 : place + 10]
            height = int.from_bytes(numbers[1:3], 'big')
            width = int.from_bytes(numbers[3:5], 'big')
            found = ((height, width), numbers[0], numbers[5])
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return None


def reduction_for(content: bytes, min_size: tuple[int, int] | None) -> int:
    """Return the divisor of the size at which to decode a file.

    Args:
        content: The file.
        min_size: Least (width, height) that is needed; None: the file's.

    Returns:
        8, 4 or 2: of a JPEG whose sides it divides, not below `min_size`; else 1.
    """
    header = read_header(content) if min_size is not None else None
    if header is None or min_size is None:
        return 1
    sides = list(zip(header.size[::-1], min_size))
    for divisor in sorted(_FLAGS, reverse=True):
        if all(side % divisor == 0 and side >= divisor * n for side, n in sides):
            return divisor
    return 1


def decode_reduced(content: bytes, divisor: int) -> np.ndarray | None:
    """Decode a JPEG at 1 / `divisor` of its size, BGR; None if it is damaged."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), _FLAGS[divisor])
