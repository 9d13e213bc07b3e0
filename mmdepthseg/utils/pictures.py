"""Pictures that are only shown or compared; data sets have readers of their own."""

from pathlib import Path

import cv2
import numpy as np


def read_picture(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Return a picture, or None if it cannot be read.

    OpenCV returns nothing for some damaged files and raises for others, such as those
    that claim to have billions of pixels.

    Args:
        path: The file.
        flags: Of `cv2.imdecode`.

    Returns:
        BGR, or what the flags say.
    """
    try:
        data = np.fromfile(path, np.uint8)
        return cv2.imdecode(data, flags) if len(data) else None
    except (OSError, cv2.error):
        return None
