"""Decoding a JPEG at a part of its size.

A decoder that leaves out the high frequencies of each 8x8 block gives an image of a
half, a quarter or an eighth of the size, in less time than the whole image takes. Each
of its pixels covers as many whole pixels of the file, if the size is divisible.
"""

import io

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mmdepthseg.camera import Size

_FLAGS = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def jpeg_size(content: bytes) -> Size | None:
    """Return (height, width) of a JPEG; None for other content, or a damaged one."""
    try:
        with Image.open(io.BytesIO(content), formats=['JPEG']) as image:
            return image.height, image.width
    except (UnidentifiedImageError, OSError, SyntaxError):
        return None


def reduction_for(content: bytes, min_size: tuple[int, int] | None) -> int:
    """Return the divisor of the size at which to decode a file.

    Args:
        content: The file.
        min_size: Least (width, height) that is needed; None: the file's.

    Returns:
        8, 4 or 2: of a JPEG whose sides it divides, not below `min_size`; else 1.
    """
    size = jpeg_size(content) if min_size is not None else None
    if size is None or min_size is None:
        return 1
    sides = list(zip(size[::-1], min_size))
    for divisor in sorted(_FLAGS, reverse=True):
        if all(side % divisor == 0 and side >= divisor * n for side, n in sides):
            return divisor
    return 1


def decode_reduced(content: bytes, divisor: int) -> np.ndarray | None:
    """Decode a JPEG at 1 / `divisor` of its size, BGR; None if it is damaged."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), _FLAGS[divisor])
