"""Shrinking images, labels, coded disparities and cameras consistently.

All four follow the convention of `mmdepthseg.camera`: pixel centres
at integers, u' = (u + 0.5) * scale - 0.5. Sizes are (width, height).
"""

from math import ceil

import cv2
import numpy as np

from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.intrinsics import read_cityscapes_camera
from mmdepthseg.datasets.label_tables import TAKEN_INDICES, UNKNOWN, LabelTable
from mmdepthseg.utils.files import read_json

Size = tuple[int, int]


def shrink_image(image: np.ndarray, size: Size) -> np.ndarray:
    """Shrink an image by area averaging: each original pixel has the same weight.

    Args:
        image: (H, W, 3) uint8.
        size: Not larger than the image.
    """
    if image.shape[1::-1] == tuple(size):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def shrink_label(label: np.ndarray, size: Size) -> np.ndarray:
    """Shrink a label map by the half-pixel exact nearest neighbour, as `Resize` does.

    Args:
        label: (H, W) uint8.
        size: Not larger than the map.
    """
    if label.shape[1::-1] == tuple(size):
        return label
    return cv2.resize(label, size, interpolation=cv2.INTER_NEAREST_EXACT)


def train_ids(label: np.ndarray, source: str) -> np.ndarray:
    """Map `labelIds` to `labelTrainIds` (labels.py of cityscapesScripts).

    Args:
        label: (H, W) uint8.
        source: The file, for the error message.

    Returns:
        (H, W) uint8, 0..18 and 255.

    Raises:
        BrokenFileError: The map has an id that Cityscapes does not define, or holds
            train ids.
    """
    table = LabelTable.of('cityscapes_label_ids')
    mapped = cv2.LUT(label, table.lookup())
    if table.takes_indices(label):
        raise BrokenFileError(
            f'Label {source} {TAKEN_INDICES}; labelIds are expected, 0..33'
        )
    if (mapped == UNKNOWN).any():
        unknown = np.unique(label[mapped == UNKNOWN]).tolist()
        raise BrokenFileError(
            f'Label {source} holds ids that Cityscapes does not have: {unknown}; '
            'labelIds are 0..33'
        )
    return mapped


def shrink_disparity(code: np.ndarray, size: Size) -> np.ndarray:
    """Shrink a Cityscapes disparity map: code = 256 d + 1, 0 = not measured.

    d counts pixels, so it shrinks with the width: the result is a disparity map of
    the smaller image pair, and baseline * fx / d with the smaller image's fx is the
    same depth as before. Each new pixel takes the lower median of the measurements
    that it covers, because an average would put points into the air between an object
    and its background. If less than half of them are valid, the new pixel is invalid.

    Args:
        code: (H, W) uint16.
        size: Not larger than the map.

    Returns:
        (size[1], size[0]) uint16.
    """
    height, width = code.shape
    new_width, new_height = size
    if (new_width, new_height) == (width, height):
        return code
    down, right = ceil(height / new_height), ceil(width / new_width)
    rows = _sample(height, new_height * down)
    columns = _sample(width, new_width * right)
    covered = code[np.ix_(rows, columns)].reshape(new_height, down, new_width, right)
    covered = covered.transpose(0, 2, 1, 3).reshape(new_height, new_width, -1)
    covered = np.sort(covered, axis=-1)  # the invalid ones come first
    count = covered.shape[-1]
    valid = np.count_nonzero(covered, axis=-1)
    middle = np.minimum(count - valid + (valid - 1) // 2, count - 1)
    median = np.take_along_axis(covered, middle[..., None], -1)[..., 0]
    shrunk = np.rint((median.astype(np.float64) - 1) * (new_width / width)) + 1
    return np.where(2 * valid >= count, shrunk.clip(min=0), 0).astype(np.uint16)


def _sample(length: int, count: int) -> np.ndarray:
    """Return `count` evenly spaced positions among `length` pixels."""
    return ((np.arange(count) + 0.5) * (length / count)).astype(np.int64)


def shrink_camera(path: str, image_size: Size, size: Size) -> dict:
    """Return a Cityscapes camera file for images of another size.

    Args:
        path: The camera json.
        image_size: Size of the images that K belongs to, if the file does not say.
        size: Size of the new images.

    Returns:
        The file's content with K of the new images and their `width` and `height`, so
        that readers know which size K belongs to. Extrinsics, in metres, do not change.

    Raises:
        BrokenFileError: The file is not a camera file.
    """
    try:
        camera = read_cityscapes_camera(path, image_size[::-1])
        content = read_json(path, finite=True)
    except (ValueError, OSError) as error:
        raise BrokenFileError(str(error)) from None
    (fx, _, u0), (_, fy, v0), _ = camera.resized(size[::-1]).K.tolist()
    intrinsic = {
        key: value
        for key, value in content['intrinsic'].items()
        if key not in ('width', 'height')
    }
    content['intrinsic'] = {**intrinsic, 'fx': fx, 'fy': fy, 'u0': u0, 'v0': v0}
    return {**content, 'width': size[0], 'height': size[1]}
