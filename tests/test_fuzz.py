"""Damaged small files: our error, which names the file, never a traceback.

`MMDEPTHSEG_FUZZ=10000 python -m pytest tests/test_fuzz.py` tries as many mutations of
each file.
"""

import json
import os
import random
from functools import partial

import numpy as np
import pytest

from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.datasets.intrinsics import (
    read_cityscapes_camera,
    read_intrinsics,
    read_kitti_calib,
)
from mmdepthseg.datasets.transforms import LoadPoses
from mmdepthseg.names import match_list
from mmdepthseg.selection.files import load_array, remove_selection
from mmdepthseg.utils import UserError
from mmdepthseg.utils.files import read_json
from mmdepthseg.utils.stamp import Stamp

COUNT = int(os.environ.get('MMDEPTHSEG_FUZZ', 60))
#: What has been a traceback somewhere, or may be one.
PIECES = [
    b'{}', b'[0]', b'Infinity', b'NaN', b'1e400', b'-1', b'null', b'true', b'"x"',
    b'\xff', b'\xe4', b'\0', b'[' * 100_000, b'{"a":' * 50_000, b'9' * 5000, b'',
    b'\xef\xbb\xbf', b'\xe2\x80\xa8', b"{'descr': '|O'", b'(99999999999999,)',
]  # fmt: skip
K = [[50, 0, 47.5], [0, 50, 23.5], [0, 0, 1]]
CAMERA = dict(intrinsic=dict(fx=50, fy=50, u0=47, v0=23), extrinsic=dict(baseline=0.2))
LABEL = dict(path='a.png', size=3, mtime_ns=5)
MANIFEST = dict(
    files={'a': 4}, images={'a': LABEL}, checkpoint='gone.pth', checkpoint_sha256='x',
    options={}, complete=True, format=1, scale=65535,
)  # fmt: skip
POSE = ' '.join(map(str, np.eye(4)[:3].ravel()))


def features(path):
    array = load_array(path)
    assert array.dtype.kind or array.sum()


def manifest(path):
    store = DepthLabelStore(path.parent)
    store.verify_manifest()
    store.outdated({'a': __file__})


def poses(path):
    LoadPoses()(dict(poses_path=str(path), pose_count=2, pose_lines=[0, 1]))


def names(path):
    list(match_list(path, ['ä/1', '#1/000', '12 march/001']))


FILES = {
    'intrinsics.json': (
        json.dumps(dict(K=K, width=96, height=48)), read_intrinsics,
    ),
    'camera.json': (
        json.dumps(CAMERA), partial(read_cityscapes_camera, image_size=(48, 96)),
    ),
    'calib.txt': (
        'P2: 50 0 47 0 0 50 23 0 0 0 1 0\n',
        partial(read_kitti_calib, number=2, image_size=(48, 96)),
    ),
    'poses.txt': (f'{POSE}\n{POSE}\n', poses),
    'list.txt': ('ä/1\n#1/000\n12 march/001\n', names),
    'manifest.json': (json.dumps(MANIFEST), manifest),
    'stamp.json': (
        json.dumps(dict(seed=1, complete=True)),
        lambda path: Stamp(path, 'it', dict(seed=1)).begin(overwrite=True),
    ),
    'selection.json': (
        json.dumps(dict(splits={'1': 'budget_1.txt'}, order=[0])),
        lambda path: remove_selection(path.parent),
    ),
    'any.json': (json.dumps([1.5, {'a': None}]), read_json),
    'features.npy': (None, features),
}  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Cut, replace or insert a piece."""
    start, length = draw.randrange(len(data) + 1), draw.choice((0, 1, 2, 8))
    piece = draw.choice([*PIECES, bytes([draw.randrange(256)])])
    kind = draw.randrange(4)
    if kind == 0:
        return data[:start]
    if kind == 1:  # a whole value of a text
        places = [i for i, byte in enumerate(data) if byte in b':,[ ']
        start = draw.choice(places or [0]) + 1
        length = next((n for n, b in enumerate(data[start:]) if b in b',]} \n'), 0)
    return data[:start] + piece + data[start + length :]


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', FILES)
def test_damaged_files(tmp_path, name):
    text, read = FILES[name]
    path, draw = tmp_path / name, random.Random(name)
    if text is None:
        np.save(path, np.arange(12, dtype=np.float32).reshape(4, 3))
        data = path.read_bytes()
    else:
        data = text.encode()
        path.write_bytes(data)
        read(path)  # whole, it is read
    refused = 0
    for _ in range(COUNT):
        content = mutated(data, draw)
        path.write_bytes(content)
        try:
            read(path)
        except UserError as error:
            refused += 1
            assert name in str(error) or path.parent.name in str(error), content[:200]
        except Exception as error:
            raise AssertionError(f'{name}: {content[:300]!r}') from error
    assert refused or name == 'selection.json'
