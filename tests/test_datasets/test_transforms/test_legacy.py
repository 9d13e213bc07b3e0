"""What the authors' code does, by named switches; see docs/legacy.md."""

import cv2
import numpy as np
import pytest
from helpers.golden import load

from mmdepthseg.datasets.transforms import (
    LoadCamera,
    LoadSDEDisparity,
    LoadStereoDepth,
    RandomCrop,
    RandomFlip,
    Resize,
)
from mmdepthseg.geometry import Camera

FULL, SMALL, CROP = (1024, 2048), (512, 1024), (500, 500)
K = [[2262.52, 0, 1096.98], [0, 2265.3017905988554, 513.137], [0, 0, 1]]
CAMERA = Camera(K, FULL, source='x_camera.json')
CASES = range(8)


def cityscapes_camera(case: int, legacy: bool, camera_first: bool) -> np.ndarray:
    """K after the authors' order of things: resize, flip, crop."""
    flip, left, top = load('h1')['cases_flip_x1_y1'][case].tolist()
    results = dict(
        img=np.zeros((*FULL, 3), np.uint8),
        ori_shape=FULL,
        file_camera=CAMERA,
        seg_fields=[],
    )
    steps = [LoadCamera(legacy_authors_k=legacy), Resize(scale=SMALL[::-1])]
    for step in steps if camera_first else steps[::-1]:
        results = step(results)
    results = RandomFlip(prob=float(flip))(results)
    crop = RandomCrop(crop_size=CROP)
    crop.crop_bbox = lambda results: (top, top + CROP[0], left, left + CROP[1])
    results = crop(results)
    assert results['camera'].size == results['img'].shape[:2]
    return results['camera'].K


@pytest.mark.parametrize('camera_first', [True, False])
@pytest.mark.parametrize('case', CASES)
def test_authors_k(case, camera_first):
    expected = load('h1')['K_scale0'][case, :3, :3].numpy()
    assert np.allclose(
        cityscapes_camera(case, True, camera_first), expected, rtol=1e-6, atol=1e-3
    )


@pytest.mark.parametrize('camera_first', [True, False])
@pytest.mark.parametrize('case', CASES)
def test_default_is_right(case, camera_first):
    expected = load('h1')['K_consistent_for_1024x512'][case, :3, :3].numpy()
    assert np.allclose(
        cityscapes_camera(case, False, camera_first), expected, rtol=1e-6, atol=1e-3
    )


@pytest.mark.parametrize('crop, direction', [(True, 'horizontal'), (False, 'vertical')])
def test_flips_that_the_authors_do_not_know(crop, direction):
    results = LoadCamera(legacy_authors_k=True)(
        dict(img=np.zeros((*SMALL, 3), np.uint8), ori_shape=FULL, file_camera=CAMERA)
    )
    if crop:
        results = RandomCrop(crop_size=CROP)(results)
    with pytest.raises(ValueError, match='x_camera.json: .*legacy_authors_k=True '):
        RandomFlip(prob=1.0, direction=direction)(results)


def test_stereo_depth_keeps_the_right_camera(tmp_path):
    path = str(tmp_path / 'd.png')
    cv2.imwrite(path, np.full(SMALL, 1 + 256 * 4, np.uint16))
    results = dict(
        img=np.zeros((*SMALL, 3), np.uint8),
        ori_shape=FULL,
        file_camera=CAMERA,
        disparity_path=path,
    )
    results = LoadCamera(legacy_authors_k=True)(results)
    depth = LoadStereoDepth(baseline=0.2)(results)['gt_depth_map']
    assert np.allclose(depth, 0.2 * 2262.52 / 2 / 4)


def test_8_bit_labels(tmp_path):
    """Authors' defects, no. 4: cut, not rounded."""
    path = str(tmp_path / 'd.png')
    values = np.array([[0, 0.5, 0.999, 1]])
    stored = np.round(1000 + 60000 * values).astype(np.uint16)  # any range
    cv2.imwrite(path, stored)
    results = dict(sde_disparity_path=path, img_id='a/1')
    disparity = LoadSDEDisparity(legacy_8bit=True)(dict(results))['disparity_map']
    assert disparity.dtype == np.float32
    assert (disparity * 255).round(3).tolist() == [[0, 127, 254, 255]]
    exact = LoadSDEDisparity()(dict(results))['disparity_map']
    assert np.allclose(exact, stored / 65535)
    cv2.imwrite(path, np.full((2, 2), 7, np.uint16))
    assert (LoadSDEDisparity(legacy_8bit=True)(results)['disparity_map'] == 0).all()
