import json
from pathlib import Path

import numpy as np
import pytest
from helpers.images import write_image

HEIGHT, WIDTH = 16, 32
CAMERA = dict(
    intrinsic=dict(fx=30.0, fy=31.0, u0=17.0, v0=8.0), extrinsic=dict(baseline=0.2)
)


@pytest.fixture(autouse=True)
def _our_scope(our_scope):
    """Build all parts of data sets in our scope."""


@pytest.fixture
def said(monkeypatch):
    """The lines that data sets log."""
    lines: list[str] = []
    place = 'mmdepthseg.datasets.sequence_dataset.print_log'
    monkeypatch.setattr(place, lambda text, **_: lines.append(text))
    return lines


@pytest.fixture
def cityscapes_root(tmp_path: Path) -> Path:
    """Two cities x two sequences x frames 0..4, frame 2 annotated.

    Pixel values tell city, sequence and frame. Only sequence 0 has a camera and a
    label; stereo disparity is 257 (d = 1 pixel) everywhere.
    """
    root = tmp_path / 'cityscapes'
    for c, city in enumerate(('aachen', 'bochum')):
        for sequence in range(2):
            for frame in range(5):
                stem = f'train/{city}/{city}_{sequence:06d}_{frame:06d}'
                image = np.full(
                    (HEIGHT, WIDTH, 3), 100 * c + 50 * sequence + frame, np.uint8
                )
                name = f'{stem}_leftImg8bit.png'
                write_image(root / 'leftImg8bit_sequence' / name, image)
                if frame != 2:
                    continue
                write_image(root / 'leftImg8bit' / name, image)
                disparity = np.full((HEIGHT, WIDTH), 257, np.uint16)
                write_image(root / f'disparity/{stem}_disparity.png', disparity)
                if sequence == 0:
                    label = np.full((HEIGHT, WIDTH), 7, np.uint8)
                    label[:8] = 26
                    label[0, 0] = 3
                    write_image(root / f'gtFine/{stem}_gtFine_labelIds.png', label)
                    camera = root / f'camera/{stem}_camera.json'
                    camera.parent.mkdir(parents=True, exist_ok=True)
                    camera.write_text(json.dumps(CAMERA))
    return root


@pytest.fixture
def clip_root(tmp_path: Path) -> Path:
    """Clips a (4 grey frames) and b (3 colour frames), with intrinsics."""
    root = tmp_path / 'clips'
    for clip, count, shape in (('a', 4, (12, 20)), ('b', 3, (12, 20, 3))):
        for frame in range(count):
            write_image(
                root / clip / f'frames/{frame:03d}.png',
                np.full(shape, 10 * frame, np.uint8),
            )
        (root / clip / 'intrinsics.json').write_text(
            json.dumps(
                dict(K=[[20.0, 0, 9.5], [0, 20.0, 5.5], [0, 0, 1]], width=20, height=12)
            )
        )
    return root
