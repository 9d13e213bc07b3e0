"""Definitions of Cityscapes: names, classes, label ids, encodings, checks of files.

Plain numpy and OpenCV: the toy world writes this layout, converters shrink it and data
sets read it. Layout and encodings: Cordts et al., CVPR 2016, and the README and
labels.py of cityscapesScripts.
"""

import json
import os
import struct
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import read_json

CLASSES = (
    'road',
    'sidewalk',
    'building',
    'wall',
    'fence',
    'pole',
    'traffic light',
    'traffic sign',
    'vegetation',
    'terrain',
    'sky',
    'person',
    'rider',
    'car',
    'truck',
    'bus',
    'train',
    'motorcycle',
    'bicycle',
)
#: RGB of each class.
PALETTE = [
    [128, 64, 128],
    [244, 35, 232],
    [70, 70, 70],
    [102, 102, 156],
    [190, 153, 153],
    [153, 153, 153],
    [250, 170, 30],
    [220, 220, 0],
    [107, 142, 35],
    [152, 251, 152],
    [70, 130, 180],
    [220, 20, 60],
    [255, 0, 0],
    [0, 0, 142],
    [0, 0, 70],
    [0, 60, 100],
    [0, 80, 100],
    [0, 0, 230],
    [119, 11, 32],
]
#: Train id (position in `CLASSES`) of each evaluated `labelIds` value, in the order of
#: the classes.
TRAIN_IDS = {
    label_id: train_id
    for train_id, label_id in enumerate(
        (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    )
}
#: The void of all labels in this package.
IGNORED = 255
#: All `labelIds` values; -1 (licence plate) is 255 in 8 bits.
LABEL_IDS = {label_id: TRAIN_IDS.get(label_id, IGNORED) for label_id in range(34)}

#: In a folder of rendered streets that is not finished: the stamp of its options.
STREETS_UNFINISHED = 'streets.partial.json'
#: In a smaller copy of Cityscapes: its options, what was converted, and what of it is
#: `unfinished`.
CONVERTED = 'converted.json'
#: Step between two values of a stored disparity, in pixels.
DISPARITY_STEP = 1 / 256
_PNG_END = b'IEND\xaeB`\x82'


def split_stem(name: str) -> tuple[str, int]:
    """Split `'city/city_000001_000019'` into `('city/city_000001', 19)`.

    Raises:
        UserError: The name does not end with a frame number.
    """
    sequence, _, number = name.rpartition('_')
    if not sequence or not number.isdigit():
        raise UserError(
            f'{name} is not a Cityscapes name: <city>/<city>_<sequence>_<frame>'
        )
    return sequence, int(number)


def train_id_table() -> np.ndarray:
    """Return the look-up table (256,) from label id to train id, else `IGNORED`."""
    table = np.full(256, IGNORED, np.uint8)
    table[list(TRAIN_IDS)] = list(TRAIN_IDS.values())
    return table


def encode_disparity(depth: np.ndarray, baseline: float, fx: float) -> np.ndarray:
    """Encode depth as a disparity image: `256 * disparity + 1`, 0 = none.

    Args:
        depth: Metres (H, W), 0 = none.
        baseline: Baseline of the stereo cameras, metres.
        fx: Focal length, in the pixels that the disparity counts.

    Returns:
        uint16 (H, W); 0, too, where the disparity is too large for 16 bits.
    """
    code = np.zeros(depth.shape, np.float64)
    np.divide(baseline * fx / DISPARITY_STEP, depth, out=code, where=depth > 0)
    code = np.where(depth > 0, np.rint(code) + 1.0, 0.0)
    return np.where(code <= 65535, code, 0).astype(np.uint16)


def decode_disparity(code: np.ndarray, baseline: float, fx: float) -> np.ndarray:
    """Decode a disparity image to depth in metres (H, W) float32, 0 = none.

    Code 1 is a disparity of 0, infinitely far, and is decoded to 0 as well.

    Args:
        code: uint16 (H, W).
        baseline: See `encode_disparity`.
        fx: See `encode_disparity`.
    """
    depth = np.zeros(code.shape, np.float32)
    scale = np.float32(baseline * fx / DISPARITY_STEP)
    np.divide(scale, code - np.float32(1), out=depth, where=code > 1)
    return depth


def png_bytes(image: np.ndarray) -> bytes:
    """Encode an image as PNG."""
    done, data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise RuntimeError('OpenCV could not encode a PNG')
    return data.tobytes()


def json_bytes(content: dict) -> bytes:
    """Encode a dictionary as readable json."""
    return (json.dumps(content, indent=2) + '\n').encode()


def is_whole(path: Path, size: tuple[int, int]) -> bool:
    """Tell whether a file of the layout exists and is complete, by its suffix.

    Args:
        path: An image, label or disparity (`.png`, `.jpg`), or a camera (`.json`).
        size: Required size of a PNG, (width, height).
    """
    try:
        if path.suffix == '.json':
            return {'extrinsic', 'intrinsic'} <= set(read_json(path, dict))
        with path.open('rb') as file:
            head = file.read(24)
            file.seek(-len(_PNG_END), os.SEEK_END)
            tail = file.read()
    except (OSError, ValueError, TypeError):
        return False
    if path.suffix == '.jpg':
        return head.startswith(b'\xff\xd8') and tail.endswith(b'\xff\xd9')
    return tail == _PNG_END and head[16:] == struct.pack('>II', *size)
