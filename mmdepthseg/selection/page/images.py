"""Images of frames for the page of a selection: where they are, and thumbnails.

OpenCV is imported only when there are images to read.
"""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdepthseg.selection.files import read_lines
from mmdepthseg.utils.errors import UserError

IMAGE_TYPES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.ppm')
#: Longer side of a thumbnail, pixels, and its JPEG quality, 0 to 100.
THUMBNAIL_SIDE = 160
THUMBNAIL_QUALITY = 72


@dataclass
class Thumbnail:
    """A small image for a page.

    Attributes:
        uri: `data:` address with all of it.
        width: Pixels.
        height: Pixels.
    """

    uri: str
    width: int
    height: int


def find_images(where: str | Path, names: Sequence[str] | None, size: int) -> list[str]:
    """Paths of the frames' images.

    Args:
        where: A file with one path a line, in the order of the rows, looked for from
            the working folder, else from the list's; or a folder that `names` are
            below, with or without what the files' names end with ('.png',
            '_leftImg8bit.png'), which the first row's file tells.
        names: Of all frames; needed for a folder.
        size: Number of frames.

    Returns:
        One path per row. Only the first is known to be there.

    Raises:
        UserError: If there is no image for the first row, the list has another length
            or names are missing.
    """
    where = Path(where)
    if not where.exists():
        raise UserError(f'{where}: no such file or folder')
    if where.is_dir():
        if names is None:
            raise UserError(
                f'{where}: for a folder of images the frames need names (--names '
                'FILE); or give a file with one image path a line.'
            )
        suffix = _find_suffix(where, names[0])
        return [os.path.join(where, name + suffix) for name in names]
    paths = read_lines(where)
    if len(paths) != size:
        raise UserError(
            f'{where}: {len(paths)} image paths, but the features have {size} rows.'
        )
    for root in ('', where.parent):
        if os.path.isfile(os.path.join(root, paths[0])):
            return [os.path.join(root, path) for path in paths]
    raise UserError(
        f'{where}: {paths[0]!r} in the first line is no file, from here nor from '
        f'{where.parent}.'
    )


def _find_suffix(root: Path, name: str) -> str:
    """What follows a name in the file name of its image; '' if nothing does."""
    path = root / name
    if path.is_file():
        return ''
    beside = os.listdir(path.parent) if path.parent.is_dir() else []
    ends = [file[len(path.name) :] for file in beside if file.startswith(path.name)]
    # 'frame_1' is not the start of 'frame_10.png'.
    ends = [
        end
        for end in ends
        if end.lower().endswith(IMAGE_TYPES) and not end[0].isalnum()
    ]
    if not ends:
        raise UserError(
            f'{root}: no image of the first frame, {name!r}; looked for {path} with '
            f'nothing or something like {IMAGE_TYPES[0]} after it. The folder must be '
            'the one that the names are below; or give a file with one image path a '
            'line.'
        )
    return min(ends, key=lambda end: (len(end), end))


def make_thumbnail(path: str | Path) -> Thumbnail | None:
    """A small JPEG of an image; None if it cannot be read."""
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
    _, data = cv2.imencode('.jpg', image, quality)
    code = base64.b64encode(data.tobytes()).decode()
    return Thumbnail(f'data:image/jpeg;base64,{code}', width, height)
