"""Small copies of images for a page. OpenCV is imported when one is read."""

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: Longer side of a thumbnail, pixels, and its JPEG quality, 0 to 100.
THUMBNAIL_SIDE = 160
THUMBNAIL_QUALITY = 72


class Thumbnail(NamedTuple):
    """A small image: a `data:` address with all of it, and its size in pixels."""

    uri: str
    width: int
    height: int


def make_thumbnail(path: str | Path) -> Thumbnail | None:
    """Return a small JPEG of an image; None if it cannot be read."""
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        return None
    scale = min(1.0, THUMBNAIL_SIDE / max(image.shape[:2]))
    width, height = (max(1, round(scale * side)) for side in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    quality = (cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY)
    code = base64.b64encode(cv2.imencode('.jpg', image, quality)[1].tobytes()).decode()
    return Thumbnail(f'data:image/jpeg;base64,{code}', width, height)
