"""Depth maps of other people: values, holes and the formula."""

import cv2
import numpy as np
import pytest

from mmdepthseg.datasets.depth_maps import DepthKind, fill_nearest, read_map
from mmdepthseg.utils.errors import UserError

METRES = np.array([[2.0, 5.0], [50.0, np.nan]], np.float32)


def by_formula(metres, near=0.1, far=100.0):
    return (1 / metres - 1 / far) / (1 / near - 1 / far)


def test_metres_and_their_inverse_give_the_same_disparity():
    depth = DepthKind('depth').disparity(METRES * 10, 0.1)
    inverse = DepthKind('inverse-depth').disparity(1 / METRES * 7, 1 / 7)
    known = np.isfinite(METRES)
    np.testing.assert_allclose(depth[known], by_formula(METRES[known]), rtol=1e-5)
    np.testing.assert_allclose(inverse, depth, rtol=1e-4)
    assert depth[1, 1] == 0 and depth[0, 0] > depth[0, 1] > depth[1, 0] > 0


def test_measured_pixels_are_above_0_and_bounded():
    kind = DepthKind('depth', min_depth=1, max_depth=10)
    values = kind.disparity(np.array([[0.5, 10.0, 1000.0]], np.float32), 1)
    np.testing.assert_allclose(values * 65535, [[65535, 1, 1]], rtol=1e-6)


def test_disparity_is_scaled_alone():
    kind, values = DepthKind('disparity'), np.array([[4.0, 1.0, np.nan]], np.float32)
    np.testing.assert_allclose(kind.disparity(values, 0.25), [[1, 0.25, 0]])
    with pytest.raises(UserError, match='--scale of at most 0.25'):
        kind.disparity(values, 0.5)


def test_fill_nearest():
    values = np.full((5, 7), np.nan, np.float32)
    values[1, 1], values[3, 6] = 2, 8
    rows, columns = np.indices(values.shape)
    to_first = np.hypot(rows - 1, columns - 1)
    to_second = np.hypot(rows - 3, columns - 6)
    apart = np.abs(to_first - to_second) > 0.5  # OpenCV's distances are approximate
    wanted = np.where(to_first < to_second, 2, 8)
    assert np.array_equal(fill_nearest(values)[apart], wanted[apart])
    full = DepthKind('depth', fill='nearest').disparity(values, 1)
    assert (full > 0).all()


@pytest.mark.parametrize('name', ['a.npy', 'a.png', 'a.tif'])
def test_formats(name, tmp_path):
    values = np.array([[1, 0, 300], [4, 5, 6]], np.uint16)
    if name.endswith('npy'):
        floats = values.astype(np.float32)[None]
        floats[0, 1, 1], floats[0, 1, 2] = np.inf, -1
        np.save(tmp_path / name, floats)
    else:
        dtype = np.float32 if name.endswith('tif') else np.uint16
        cv2.imwrite(str(tmp_path / name), values.astype(dtype))
    found = read_map(tmp_path / name)
    assert found.dtype == np.float32 and found[0, 2] == 300 and np.isnan(found[0, 1])
    assert np.isnan(found[1, 1:]).all() == name.endswith('npy')


@pytest.mark.parametrize(
    'dtype', ['>f4', '<f8', '>f8', 'f2', 'i2', '>i2', 'u2', 'i4', 'u4', '>u4', 'i8']
)
def test_types_of_arrays(dtype, tmp_path):
    """As of StereoSGBM, of which a hole is negative."""
    values = np.array([[1, 0, 300], [4, -16, 6]]).astype(dtype)
    if np.dtype(dtype).kind == 'u':
        values[1, 1] = 0
    np.save(tmp_path / 'a.npy', values)
    found = read_map(tmp_path / 'a.npy')
    assert found.dtype == np.float32 and found.dtype.isnative
    assert np.array_equal(found, [[1, np.nan, 300], [4, np.nan, 6]], equal_nan=True)


@pytest.mark.parametrize('dtype', ['u1', 'i1', '?', 'c8', 'U3'])
def test_types_that_hold_no_depth(dtype, tmp_path):
    np.save(tmp_path / 'bad.npy', np.ones((4, 4)).astype(dtype))
    with pytest.raises(UserError, match=r'bad.npy.* type'):
        read_map(tmp_path / 'bad.npy')


def test_what_is_not_a_depth_map(tmp_path):
    cv2.imwrite(str(tmp_path / 'eight.png'), np.zeros((4, 4), np.uint8))
    cv2.imwrite(str(tmp_path / 'colour.png'), np.zeros((4, 4, 3), np.uint16))
    (tmp_path / 'bad.png').write_bytes(b'bad')
    (tmp_path / 'bad.npy').write_bytes(b'bad')
    for name in ('eight.png', 'colour.png', 'bad.png', 'bad.npy'):
        with pytest.raises(UserError, match=name):
            read_map(tmp_path / name)


@pytest.mark.parametrize(
    'options, name',
    [(dict(kind='metres'), 'metres'), (dict(kind='depth', scale=0), 'scale'),
     (dict(kind='depth', min_depth=5, max_depth=2), 'min_depth'),
     (dict(kind='disparity', min_depth=2), 'min_depth'),
     (dict(kind='disparity', max_depth=80), 'max_depth'),
     (dict(kind='depth', fill='linear'), 'linear')],
)  # fmt: skip
def test_wrong_options(options, name):
    with pytest.raises(UserError, match=name):
        DepthKind(**options)
