"""Pictures that are only shown or compared; data sets have readers of their own."""

from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically


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


def check_picture_name(path: str | Path) -> None:
    """Check that a picture can be written under a name.

    Raises:
        UserError: No format has its suffix.
    """
    try:
        known = cv2.haveImageWriter(str(path))
    except cv2.error:  # no suffix at all
        known = False
    if not known:
        raise UserError(f'{path}: no format has that suffix; end it with .png or .jpg')


def write_picture(path: str | Path, image: np.ndarray) -> None:
    """Write a picture atomically, in the format that the suffix names.

    Args:
        path: The file; its folder is made if missing.
        image: BGR or grey, uint8, or uint16 for PNG.

    Raises:
        UserError: No format has that suffix.
        OSError: The folder cannot be written.
    """
    check_picture_name(path)
    ok, data = cv2.imencode(Path(path).suffix, image)
    if not ok:
        raise ValueError(f'{path}: could not encode the image')
    write_atomically(path, data.tobytes())
