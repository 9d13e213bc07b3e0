import json

import numpy as np
import pytest

from mmdepthseg.cityscapes import train_id_table
from mmdepthseg.datasets import BrokenFileError
from mmdepthseg.datasets.converters.resampling import (
    shrink_camera,
    shrink_disparity,
    shrink_image,
    shrink_label,
    train_ids,
)

#: Written down once more from labels.py of cityscapesScripts: id, trainId.
OFFICIAL = {
    0: 255,
    1: 255,
    2: 255,
    3: 255,
    4: 255,
    5: 255,
    6: 255,
    7: 0,
    8: 1,
    9: 255,
    10: 255,
    11: 2,
    12: 3,
    13: 4,
    14: 255,
    15: 255,
    16: 255,
    17: 5,
    18: 255,
    19: 6,
    20: 7,
    21: 8,
    22: 9,
    23: 10,
    24: 11,
    25: 12,
    26: 13,
    27: 14,
    28: 15,
    29: 255,
    30: 255,
    31: 16,
    32: 17,
    33: 18,
    255: 255,
}


def random(shape, high, dtype, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def test_images_are_averaged_over_areas():
    image = random((8, 12, 3), 256, np.uint8)
    mean = image.reshape(4, 2, 4, 3, 3).mean((1, 3))
    assert np.abs(shrink_image(image, (4, 4)) - mean).max() <= 0.5
    assert shrink_image(image, (12, 8)) is image


def test_label_ids():
    label = np.array([list(OFFICIAL)], np.uint8)
    assert train_ids(label, 'x').tolist() == [list(OFFICIAL.values())]
    assert np.array_equal(train_ids(label, 'x'), train_id_table()[label])
    with pytest.raises(BrokenFileError, match=r'x.png holds ids .*\[34, 254\]'):
        train_ids(np.array([[7, 34, 254]], np.uint8), 'x.png')
    with pytest.raises(BrokenFileError, match='x.png holds .* train ids'):
        train_ids(np.array([[0, 18, 255]], np.uint8), 'x.png')


@pytest.mark.parametrize('size', [(6, 4), (5, 3), (12, 8)])
def test_labels_take_the_nearest_centre(size):
    label = random((8, 12), 34, np.uint8)
    rows = ((np.arange(size[1]) + 0.5) * 8 / size[1]).astype(int)
    columns = ((np.arange(size[0]) + 0.5) * 12 / size[0]).astype(int)
    assert np.array_equal(shrink_label(label, size), label[np.ix_(rows, columns)])


def test_disparity_takes_a_measurement_of_each_block():
    code = random((8, 12), 40000, np.uint16)
    code[random((8, 12), 2, bool, 1)] = 0
    found = shrink_disparity(code, (6, 4))
    for y in range(4):
        for x in range(6):
            block = sorted(code[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel().tolist())
            valid = [value for value in block if value]
            if len(valid) < 2:
                assert found[y, x] == 0
            else:
                middle = valid[(len(valid) - 1) // 2]
                assert found[y, x] == np.rint((middle - 1) / 2) + 1
    assert (found == 0).any() and shrink_disparity(code, (12, 8)) is code


def test_no_point_between_object_and_background():
    code = np.full((4, 8), 1 + 256 * 2, np.uint16)
    code[:, 3:] = 1 + 256 * 60
    assert set(np.unique(shrink_disparity(code, (4, 2)))) == {1 + 256 * 1, 1 + 256 * 30}


def test_disparity_of_zero_and_uneven_sizes():
    code = np.ones((9, 20), np.uint16)  # infinitely far, but measured
    assert (shrink_disparity(code, (7, 5)) == 1).all()
    assert (shrink_disparity(np.zeros_like(code), (7, 5)) == 0).all()
    code[:] = 1 + 256 * 20
    assert (shrink_disparity(code, (7, 5)) == 1 + 256 * 7).all()


def test_camera(tmp_path):
    path = tmp_path / 'camera.json'
    camera = dict(
        extrinsic=dict(baseline=0.2),
        intrinsic=dict(fx=2262.52, fy=2265.3, u0=1096.98, v0=513.137),
    )
    path.write_text(json.dumps(camera))
    half = shrink_camera(str(path), (2048, 1024), (1024, 512))
    assert half == dict(
        extrinsic=camera['extrinsic'],
        width=1024,
        height=512,
        intrinsic=dict(
            fx=1131.26,
            fy=1132.65,
            u0=pytest.approx((1096.98 + 0.5) / 2 - 0.5),
            v0=pytest.approx((513.137 + 0.5) / 2 - 0.5),
        ),
    )
    # a file that says its size is taken at its word
    path.write_text(json.dumps(half))
    quarter = shrink_camera(str(path), (2048, 1024), (512, 256))
    assert quarter['intrinsic']['fx'] == pytest.approx(2262.52 / 4)
    assert quarter['intrinsic']['u0'] == pytest.approx((1096.98 + 0.5) / 4 - 0.5)
    path.write_text('[]')
    with pytest.raises(BrokenFileError, match='camera.json .*intrinsic'):
        shrink_camera(str(path), (2048, 1024), (1024, 512))
