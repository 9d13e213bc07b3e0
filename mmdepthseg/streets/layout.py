"""The Cityscapes layout: names, encodings, atomic files, completeness."""

import json
import os
import struct
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.streets.cities import Camera

# Cityscapes label id -> train id; everything else is ignored (255).
TRAIN_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10,
    24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip
CLASS_NAMES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light",
    "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck",
    "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
_ANNOTATED_FRAME = 19
_PNG_END = b'IEND\xaeB`\x82'


def train_id_table() -> np.ndarray:
    """Return the look-up table (256,) from label id to train id."""
    table = np.full(256, 255, np.uint8)
    for label, train in TRAIN_IDS.items():
        table[label] = train
    return table


def encode_disparity(depth: np.ndarray, camera: Camera) -> np.ndarray:
    """Encode depth as Cityscapes does: `256 * disparity + 1`, 0 = invalid.

    Args:
        depth: Metres (H, W), 0 = none.
        camera: Gives baseline and focal length.

    Returns:
        uint16 (H, W).
    """
    code = np.zeros(depth.shape, np.float64)
    np.divide(camera.baseline * camera.fx * 256.0, depth, out=code, where=depth > 0)
    code = np.where(depth > 0, np.rint(code) + 1.0, 0.0)
    return np.clip(code, 0, 65535).astype(np.uint16)


def decode_disparity(code: np.ndarray, camera: Camera) -> np.ndarray:
    """Return depth in metres (H, W) float32, 0 = none, from a disparity image."""
    disparity = (code.astype(np.float64) - 1.0) / 256.0
    depth = np.zeros(code.shape, np.float64)
    np.divide(camera.baseline * camera.fx, disparity, out=depth, where=code > 1)
    return depth.astype(np.float32)


def frame_stem(city: str, sequence: int, frame: int, frames: int) -> str:
    """Name of a clip's frame; the annotated (middle) one is number 19 if possible."""
    first = max(0, _ANNOTATED_FRAME - frames // 2)
    return f'{city}_{sequence:06d}_{first + frame:06d}'


def clip_files(
    split: str, city: str, sequence: int, frames: int
) -> dict[str, tuple[str, int | None]]:
    """Return relative path -> (kind, frame) of all files of a clip."""
    files: dict[str, tuple[str, int | None]] = {}
    for frame in range(frames):
        stem = frame_stem(city, sequence, frame, frames)
        name = f'leftImg8bit_sequence/{split}/{city}/{stem}_leftImg8bit.png'
        files[name] = ('image', frame)
    middle = frames // 2
    stem = frame_stem(city, sequence, middle, frames)
    kinds = {
        'image': f'leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png',
        'label': f'gtFine/{split}/{city}/{stem}_gtFine_labelIds.png',
        'train_id': f'gtFine/{split}/{city}/{stem}_gtFine_labelTrainIds.png',
        'camera': f'camera/{split}/{city}/{stem}_camera.json',
        'disparity': f'disparity/{split}/{city}/{stem}_disparity.png',
    }
    files.update({name: (kind, middle) for kind, name in kinds.items()})
    files[f'poses/{split}/{city}/{city}_{sequence:06d}_poses.txt'] = ('poses', None)
    return files


def png_bytes(image: np.ndarray) -> bytes:
    """Encode an image as PNG."""
    done, data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise RuntimeError('OpenCV could not encode a PNG')
    return data.tobytes()


def json_bytes(content: dict) -> bytes:
    """Encode a dictionary as readable json."""
    return (json.dumps(content, indent=2) + '\n').encode()


def poses_bytes(poses: np.ndarray) -> bytes:
    """Encode camera-to-world poses (F, 4, 4) in KITTI's layout, 12 numbers a line."""
    lines = (' '.join(f'{v:.9e}' for v in p[:3].reshape(-1)) for p in poses)
    return ('\n'.join(lines) + '\n').encode()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f'{path.name}.tmp-*'):
        stale.unlink(missing_ok=True)
    part = path.with_name(f'{path.name}.tmp-{os.getpid()}')
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def is_complete(path: Path, kind: str, size: tuple[int, int], frames: int) -> bool:
    """Whether a file is there and whole.

    Args:
        path: The file.
        kind: As in `clip_files`.
        size: Expected image size (width, height).
        frames: Expected number of poses.
    """
    try:
        if kind == 'camera':
            content = json.loads(path.read_text())
            return {'extrinsic', 'intrinsic'} <= set(content)
        if kind == 'poses':
            text = path.read_text()
            rows = [line.split() for line in text.splitlines()]
            whole = text.endswith('\n') and len(rows) == frames
            return whole and all(len(row) == 12 for row in rows)
        with path.open('rb') as file:
            head = file.read(24)
            file.seek(-len(_PNG_END), os.SEEK_END)
            tail = file.read()
        return tail == _PNG_END and struct.unpack('>II', head[16:24]) == size
    except (OSError, ValueError, struct.error):
        return False
