import json

import numpy as np
import pytest

from mmdepthseg.datasets import CityscapesSequenceDataset, ClipDataset
from mmdepthseg.datasets.intrinsics import (
    listed_camera,
    parse_intrinsics,
    read_cityscapes_camera,
    read_intrinsics,
    read_kitti_calib,
)
from mmdepthseg.utils.errors import UserError

K = [[20.0, 0.0, 9.5], [0.0, 21.0, 5.5], [0.0, 0.0, 1.0]]


def test_parse_intrinsics():
    camera = parse_intrinsics(dict(K=K, width=20, height=12), 'config')
    assert camera.K.tolist() == K and camera.size == (12, 20)


def test_normalised_intrinsics():
    normalised = [[1.0, 0.0, 0.5], [0.0, 1.75, 0.5], [0.0, 0.0, 1.0]]
    camera = parse_intrinsics(
        dict(K=normalised, width=20, height=12, normalized=True), 'config'
    )
    # the centre of a 20 pixel row, pixel centres at integers, is 9.5
    assert np.allclose(camera.K, K)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(K=[[20.0, 0, 30.0], [0, 21.0, 5.5], [0, 0, 1]]),
            '20x12',
        ),
        (dict(K=[[-20.0, 0, 9.0], [0, 21.0, 5.5], [0, 0, 1]]), 'fx=-20'),
        (
            dict(K=[[1.0, 0, 0.5], [0, 1.0, 0.5], [0, 0, 1]], width=40, height=40),
            'normalized=True',
        ),
        (dict(K=[[20.0, 0], [0, 21.0]]), 'K .*3x3'),
        (dict(K='abc'), 'K .*3x3'),
        (dict(width='wide'), 'whole numbers'),
        (dict(width=20.5), '20.5'),
        (dict(height=float('inf')), 'whole numbers'),
        (dict(height=None), 'whole numbers'),
        (dict(normalized='false'), 'normalized'),
    ],
)
def test_bad_intrinsics(change, message):
    with pytest.raises(ValueError, match=message) as info:
        parse_intrinsics({**dict(K=K, width=20, height=12), **change}, 'clip.json')
    assert 'clip.json' in str(info.value)


@pytest.mark.parametrize('config', [K, [1], 'K', dict(K=K)])
def test_cameras_in_configs(config):
    for kind, key in (
        (ClipDataset, 'intrinsics'),
        (CityscapesSequenceDataset, 'default_camera'),
    ):
        with pytest.raises(UserError, match=key):
            kind(data_root='nowhere', **{key: config})


def test_missing_keys(tmp_path):
    path = tmp_path / 'intrinsics.json'
    path.write_text(json.dumps(dict(K=K, width=20)))
    with pytest.raises(UserError, match='intrinsics.json: .*lacks height'):
        read_intrinsics(str(path))
    path.write_text('{"K": [')
    with pytest.raises(ValueError, match='intrinsics.json'):
        read_intrinsics(str(path))


@pytest.mark.parametrize(
    'content, message',
    [
        (dict(), 'intrinsic'),
        (dict(intrinsic=dict(fx=1.0, fy=1.0, u0=1.0)), 'intrinsic.v0'),
    ],
)
def test_cityscapes_camera_without_keys(tmp_path, content, message):
    path = tmp_path / 'x_camera.json'
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f'x_camera.json.* {message}'):
        read_cityscapes_camera(str(path), (4, 8))


def test_sizes_of_a_sample_camera(tmp_path):
    content = dict(intrinsic=dict(fx=2.0, fy=2.0, u0=3.0, v0=1.0))
    path = tmp_path / 'x_camera.json'
    path.write_text(json.dumps(content))
    results = dict(camera_path=str(path))
    assert listed_camera(results, (4, 8)).size == (4, 8)
    results['camera_size'] = (8, 16)
    assert listed_camera(results, (4, 8)).size == (8, 16)
    path.write_text(json.dumps({**content, 'width': 32, 'height': 16}))
    assert listed_camera(results, (4, 8)).size == (16, 32)
    assert listed_camera({}, (4, 8)) is None


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / 'intrinsics.json'
    text = (
        '{"K": [[100, 0, 32], [0, 100, 16], [0, 0, 1]],\r\n "width": 64, "height": 32}'
    )
    path.write_bytes(b'\xef\xbb\xbf' + text.encode())
    assert read_intrinsics(str(path)).size == (32, 64)


@pytest.mark.parametrize(
    'change',
    [
        dict(fx='wide'),
        dict(width=20.5, height=12),
        dict(width=20, height=None),
        dict(fx=float('nan')),
    ],
)
def test_bad_cityscapes_numbers(tmp_path, change):
    path = tmp_path / 'x_camera.json'
    numbers = dict(fx=20.0, fy=21.0, u0=9.5, v0=5.5)
    path.write_text(json.dumps(dict(intrinsic=numbers | change)))
    with pytest.raises(UserError, match='x_camera.json'):
        read_cityscapes_camera(str(path), (12, 20))


def doubted_k(fx=20.0, fy=21.0, cx=9.5, skew=0.0):
    return [[fx, skew, cx], [0, fy, 5.5], [0, 0, 1]]


@pytest.mark.parametrize(
    'k, named',
    [
        (doubted_k(), None),
        (doubted_k(cx=4.0), '(4, 5.5)'),
        (doubted_k(fy=26.0), 'fy=26'),
        (doubted_k(fx=15.0), 'fx=15'),
        (doubted_k(fx=201.0, fy=201.0), 'fx=201'),
        (doubted_k(skew=2.0), 'skew 2'),
    ],
)
@pytest.mark.parametrize('source', ['intrinsics.json', 'x_camera.json', 'calib.txt'])
def test_cameras_that_hardly_can_be_are_doubted(
    k, named, source, tmp_path, user_warnings
):
    path = tmp_path / source
    (fx, skew, cx), (_, fy, cy), _ = k
    if source == 'intrinsics.json':
        path.write_text(json.dumps(dict(K=k, width=20, height=12)))
        read_intrinsics(str(path))
    elif source == 'calib.txt':
        path.write_text(f'P2: {fx} {skew} {cx} 4 0 {fy} {cy} 1 0 0 1 0')
        read_kitti_calib(str(path), 2, (12, 20))
    else:
        named = None if skew else named  # such a file has no skew
        path.write_text(json.dumps(dict(intrinsic=dict(fx=fx, fy=fy, u0=cx, v0=cy))))
        read_cityscapes_camera(str(path), (12, 20))
    messages = user_warnings()
    assert len(messages) == (named is not None)
    assert all(named in text and str(path) in text for text in messages)


@pytest.mark.parametrize(
    'cx, cy, doubted',
    [
        (320, 180, True),  # of half the size
        (322.4, 183.1, True),
        (955, 535, True),  # of 1920x1080
        (426.7, 240, True),  # of two thirds of the size
        (512, 288, True),  # of 1024x576
        (325, 245, True),  # of 640x480
        (655, 345, False),
        (640, 500, False),  # the bonnet is cut away
        (630, 250, False),  # the sky is
        (690, 275, False),
        (510, 460, False),  # as no other size has it
    ],
)
def test_k_of_an_image_of_another_size_is_doubted(cx, cy, doubted, user_warnings):
    k = [[910.0, 0, cx], [0, 910, cy], [0, 0, 1]]
    parse_intrinsics(dict(K=k, width=1280, height=720), 'ride/a.json')
    found = user_warnings()
    assert len(found) == doubted
    assert all('ride/a.json' in text and f'{cx:g}, {cy:g}' in text for text in found)


@pytest.mark.parametrize('scale, doubted', [(1, False), (0.5, True)])
def test_k_of_a_smaller_picture_is_doubted(tmp_path, scale, doubted, user_warnings):
    path = tmp_path / 'intrinsics.json'
    k = [
        [90 * scale, 0, 48 * scale - 0.5],
        [0, 90 * scale, 24 * scale - 0.5],
        [0, 0, 1],
    ]
    path.write_text(json.dumps(dict(K=k, width=96, height=48)))
    read_intrinsics(str(path))
    assert [str(path) in text for text in user_warnings()] == [True] * doubted


@pytest.mark.parametrize(
    'calibration, doubted',
    [
        (dict(D=[[-0.25, 0.07, 0, 0, 0]]), True),
        (dict(k1=-0.25, k2='0.07'), True),
        (dict(dist_coeffs=[1e-3, 0, 0, 0]), True),
        (dict(distCoeffs=[0.0, 0.0, 0.0, 0.0], p1=0), False),
        (dict(distortion='removed', distortion_original=[0.1], d=None), False),
        (dict(distortion=dict(k1=-0.3, k2=0)), True),
        (dict(distortion=dict(radial=[-0.3, 0.1], model='brown')), True),
        (dict(distortion=[[-0.3, 0.1], [0, 0, 0]]), True),
        (dict(dist_coeff=dict(rows=1, cols=5, data=[-0.3, 0, 0, 0, 0])), True),
        (dict(radial_distortion=[-0.3, 0.1]), True),
        (dict(RadialDistortion=[-0.3, 0.1], TangentialDistortion=[0, 0]), True),
        (dict(distortion_params=[0, 0, 1e-3, 0]), True),
        (dict(distortion_parameters=np.array([0.1, 0])), True),
        (dict(dist_coeff=dict(rows=1, cols=5, dt='d', data=[0, 0, 0, 0, 0])), False),
        (dict(distortion=dict(model='brown', order=3, k1=0, k2=0.0)), False),
        (dict(distortion_model='plumb_bob', radial_distortion=[0, 0]), False),
        (dict(original=dict(D=[0.1])), False),
    ],
)
def test_distorted_frames_are_doubted(calibration, doubted, user_warnings):
    parse_intrinsics(dict(K=K, width=20, height=12, **calibration), 'ride/a.json')
    found = user_warnings()
    assert len(found) == doubted
    wanted = ('ride/a.json', next(iter(calibration)), 'Undistort')
    assert not doubted or all(text in found[0] for text in wanted)
