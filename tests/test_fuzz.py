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
    read_kitti_raw_calib,
)
from mmdepthseg.datasets.transforms import LoadPoses
from mmdepthseg.evaluation.bootstrap import read_areas, resampled_iou
from mmdepthseg.experiments.options import parse_options
from mmdepthseg.experiments.stage import StageBook
from mmdepthseg.name_lists import match_list
from mmdepthseg.selection.files import read_names, read_rows, remove_selection
from mmdepthseg.selection.methods import select
from mmdepthseg.streets.dataset import VERSION, Options, stamp_of
from mmdepthseg.utils import UserError
from mmdepthseg.utils.files import read_array, read_json, read_json_lines, read_text
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
    select(read_array(path), 'ds', [2])


def scores(path):
    select(np.eye(4), 'ds_us', [2], scores=read_array(path))


def streets(path):
    stamp_of(path.parent, Options()).check()


def record(path):
    """The record of a stage: whole, or as if there were none."""
    found = StageBook([], path.parent).record('stage')
    assert not found or len(found['hash']) + len(found['versions']) + found['seconds']


def lines(path):
    [content.get('mIoU') for content in read_json_lines(path)]


def options(path):
    """What `--cfg-options` gets; argparse ends with a message and exit code 2."""
    try:
        parse_options([path.read_bytes().decode(errors='replace')])
    except SystemExit:
        raise UserError(str(path)) from None


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
    'calib_cam_to_cam.txt': (
        'S_rect_02: 96 48\nP_rect_02: 50 0 47 0 0 50 23 0 0 0 1 0\n',
        partial(read_kitti_raw_calib, number=2),
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
    'any.txt': ('\ufeffa\nb', read_text),
    'scalars.json': ('{"loss": 0.5, "step": 1}\n{"mIoU": 2, "step": 1}\n', lines),
    'streets.json': (
        json.dumps(dict(version=VERSION, options=Options().as_json(), counts={})),
        streets,
    ),
    'stage.done.json': (
        json.dumps(dict(hash='x', seconds=1.5, versions=['a'], complete=True)), record,
    ),
    'names.txt': (' a/1\n#1/000\n12 march/001\n', partial(read_names, size=3)),
    'rows.txt': ('# rows\n1\n0\n', partial(read_rows, size=3)),
    'initial.txt': ('a/1\n7 b/2\n', partial(read_rows, size=3, names=['a/1', 'b/2'])),
    'options': ("model.head=dict(type='X', n=[1, 2.5, None], w=(1,))", options),
    'features.npy': (np.arange(12, dtype=np.float32).reshape(4, 3), features),
    'scores.npy': (np.arange(4.0), scores),
    'areas.npz': (
        np.ones((3, 2, 4), np.float32),
        lambda path: resampled_iou(read_areas([path]), 3, 1),
    ),
}  # fmt: skip
#: Read as something, whatever their content.
TOLERANT = ('selection.json', 'stage.done.json')


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
    if isinstance(text, str):
        path.write_bytes(text.encode())
    elif name.endswith('.npz'):
        np.savez_compressed(path, areas=text)
    else:
        np.save(path, text)
    data = path.read_bytes()
    read(path)  # whole, it is read
    refused = 0
    for _ in range(COUNT):
        content = mutated(data, draw)
        path.write_bytes(content)
        try:
            read(path)
        except UserError as error:
            refused += 1
            # an array's values are checked where its file is not known
            said = (name, path.parent.name, f'{path.stem}: ')
            assert any(word in str(error) for word in said), (content[:200], error)
        except Exception as error:
            raise AssertionError(f'{name}: {content[:300]!r}') from error
    assert refused or name in TOLERANT
