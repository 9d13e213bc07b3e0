"""Data sets for the checks of the start."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.datasets import ClipDataset


@pytest.fixture
def labelled_clip(tmp_path: Path, our_scope: None) -> Callable[..., ClipDataset]:
    """Two frames of a clip with camera, label and depth, loaded by some transforms."""
    clip = tmp_path / 'clips/a'
    for stem in ('0', '1'):
        write_image(clip / f'frames/{stem}.png', np.zeros((8, 16, 3), np.uint8))
        label = np.zeros((8, 16), np.uint8)
        label[:, 4:] = 2
        write_image(clip / f'labels/{stem}.png', label)
        depth = np.full((8, 16), 2560, np.uint16)
        write_image(tmp_path / f'depth/a/{stem}.png', depth)
    camera = dict(K=[[16, 0, 8], [0, 16, 4], [0, 0, 1]], width=16, height=8)
    (clip / 'intrinsics.json').write_text(json.dumps(camera))

    def make(*loaders: str, **options) -> ClipDataset:
        steps = ['LoadImageFromFile', *loaders, 'PackDepthSegInputs']
        standard = dict(
            data_root=str(tmp_path / 'clips'),
            depth_dir=str(tmp_path / 'depth/{clip}'),
            metainfo=dict(classes=('road', 'car', 'sky')),
            pipeline=[dict(type=step) for step in steps],
        )
        return ClipDataset(**{**standard, **options})

    return make
