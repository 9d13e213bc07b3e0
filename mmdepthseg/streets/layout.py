"""Files of a streets clip in the Cityscapes layout, and its poses."""

from pathlib import Path

import numpy as np

from mmdepthseg.cityscapes import is_whole
from mmdepthseg.utils.files import read_text

_ANNOTATED_FRAME = 19


def frame_stem(city: str, sequence: int, frame: int, frames: int) -> str:
    """Return the name of a frame; the annotated middle one is number 19 if possible."""
    first = max(0, _ANNOTATED_FRAME - frames // 2)
    return f'{city}_{sequence:06d}_{first + frame:06d}'


def clip_files(
    split: str, city: str, sequence: int, frames: int
) -> dict[str, tuple[str, int | None]]:
    """Return all files of a clip: relative path -> (kind, frame)."""
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


def poses_bytes(poses: np.ndarray) -> bytes:
    """Encode camera-to-world poses (F, 4, 4) in KITTI's layout, 12 numbers per line."""
    lines = (' '.join(f'{v:.9e}' for v in p[:3].reshape(-1)) for p in poses)
    return ('\n'.join(lines) + '\n').encode()


def is_complete(path: Path, kind: str, size: tuple[int, int], frames: int) -> bool:
    """Tell whether a file exists and is complete.

    Args:
        path: The file.
        kind: As in `clip_files`.
        size: Expected image size (width, height).
        frames: Expected number of poses.
    """
    if kind != 'poses':
        return is_whole(path, size)
    try:
        text = read_text(path)
    except (OSError, ValueError):
        return False
    rows = [line.split() for line in text.splitlines()]
    whole = text.endswith('\n') and len(rows) == frames
    return whole and all(len(row) == 12 for row in rows)
