"""JPEGs decoded at a part of their size: the same picture, maps and camera, smaller."""

import json

import cv2
import numpy as np
import pytest
from helpers.images import encode, write_image
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from PIL import Image

from mmdepthseg.datasets import BrokenFileError
from mmdepthseg.datasets.transforms.files import ORIENTATION
from mmdepthseg.datasets.transforms.jpeg import (
    decode_reduced,
    jpeg_size,
    reduction_for,
)
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.utils.errors import UserError

SIZE, SMALL = (128, 256), (64, 32)  # (height, width) of the files; (width, height)


@pytest.fixture(autouse=True)
def our_scope():
    register_all_modules()
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


def picture(size=SIZE, seed=0):
    """A smooth picture with edges, BGR."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    image[size[0] // 3 :, size[1] // 2 :] //= 2
    return image


def tagged(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def test_only_whole_jpegs_have_a_size():
    image = np.zeros((16, 24, 3), np.uint8)
    content = encode(Image.fromarray(image), 'JPEG')
    assert jpeg_size(content) == (16, 24)
    for damaged in (content[:40], b'\xff\xd8\xff', b''):
        assert jpeg_size(damaged) is None
    assert jpeg_size(encode(image)) is None  # png


@pytest.mark.parametrize(
    'width, height, min_size, divisor',
    [
        (256, 128, (64, 32), 4),
        (256, 128, (65, 32), 2),
        (256, 128, (64, 33), 2),
        (256, 128, (32, 16), 8),
        (256, 128, (1, 1), 8),
        (256, 128, (129, 64), 1),
        (256, 128, None, 1),
        (254, 128, (64, 32), 2),  # 254 / 4 is not whole
        (255, 128, (64, 32), 1),
    ],
)
def test_divisor(width, height, min_size, divisor):
    content = encode(Image.new('RGB', (width, height)), 'JPEG')
    assert reduction_for(content, min_size) == divisor
    assert reduction_for(encode(Image.new('RGB', (width, height))), min_size) == 1


@pytest.mark.parametrize('divisor', [2, 4, 8])
def test_reduced_image_is_the_shrunk_one(divisor):
    image = cv2.GaussianBlur(picture(), (0, 0), divisor)
    content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    found = decode_reduced(content, divisor).astype(float)
    whole = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    size = (SIZE[1] // divisor, SIZE[0] // divisor)
    expected = cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(float)
    assert found.shape == expected.shape
    error = np.abs(found - expected).mean()
    assert error < 2
    # half a pixel of the small image is farther
    moved = cv2.warpAffine(expected, np.float64([[1, 0, 0.5], [0, 1, 0]]), size)
    inside = (slice(1, -1), slice(1, -1))
    assert np.abs(found - moved)[inside].mean() > 3 * error


@pytest.fixture
def frame(tmp_path):
    """A triplet with label, depth label and camera; `suffix` of its images."""

    def make(suffix):
        paths = [tmp_path / f'{suffix}/{i}.{suffix}' for i in range(3)]
        for number, path in enumerate(paths):
            write_image(path, picture(seed=number))
        rng = np.random.default_rng(5)
        write_image(tmp_path / 'l.png', rng.integers(0, 19, SIZE, dtype=np.uint8))
        depth = rng.integers(1, 65536, (SIZE[0] // 2, SIZE[1] // 2), dtype=np.uint16)
        write_image(tmp_path / 'd.png', depth)
        lidar = rng.integers(1, 65536, SIZE, dtype=np.uint16)
        write_image(tmp_path / 'm.png', lidar)
        camera = dict(fx=300, fy=310, u0=130, v0=60)
        (tmp_path / 'c.json').write_text(json.dumps(dict(intrinsic=camera)))
        names = [str(path) for path in paths]
        return dict(
            img_path=names[0],
            adjacent_paths=names[1:],
            camera_path=str(tmp_path / 'c.json'),
            seg_map_path=str(tmp_path / 'l.png'),
            sde_disparity_path=str(tmp_path / 'd.png'),
            depth_path=str(tmp_path / 'm.png'),
        )

    return make


LOADERS = [
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadSegLabel'),
    dict(type='LoadSDEDisparity'),
    dict(type='LoadDepthMap'),
]


def loaded(info, min_size, *steps):
    first = dict(type='LoadImageFromFile', min_size=min_size)
    return Compose([first, *steps])(dict(info))


@pytest.mark.parametrize('keep_ratio', [False, True])
@pytest.mark.parametrize('scale', [SMALL, (60, 30)])
@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_all_but_the_pixels_is_as_without(frame, suffix, scale, keep_ratio):
    steps = [*LOADERS, dict(type='Resize', scale=scale, keep_ratio=keep_ratio)]
    info = frame(suffix)
    whole, small = loaded(info, None, *steps), loaded(info, SMALL, *steps)
    for key in ('ori_shape', 'img_shape', 'scale_factor', 'seg_fields', 'depth_fields'):
        assert small[key] == whole[key], key
    assert small.keys() == whole.keys()
    for key in ('gt_seg_map', 'disparity_map', 'gt_depth_map'):
        np.testing.assert_array_equal(small[key], whole[key])
    np.testing.assert_allclose(small['camera'].K, whole['camera'].K, rtol=1e-12)
    assert small['camera'].size == whole['camera'].size
    for a, b in zip(
        (small['img'], *small['adjacent']), (whole['img'], *whole['adjacent'])
    ):
        assert a.shape == b.shape and a.dtype == b.dtype == np.uint8
        if suffix == 'png':
            np.testing.assert_array_equal(a, b)
        else:  # bilinear shrinking to a quarter leaves pixels out
            assert 0 < np.abs(a.astype(float) - b).mean() < 12


def test_a_camera_of_the_reduced_image(frame):
    small = loaded(frame('jpg'), SMALL, dict(type='LoadCamera'))
    assert small['img'].shape == (32, 64, 3) and small['ori_shape'] == SIZE
    expected = [[75, 0, 130.5 / 4 - 0.5], [0, 77.5, 60.5 / 4 - 0.5], [0, 0, 1]]
    np.testing.assert_allclose(small['camera'].K, expected)


def test_neighbours_of_another_format_or_size(frame, tmp_path):
    info, other = frame('jpg'), frame('png')
    mixed = dict(info, adjacent_paths=other['adjacent_paths'])
    small = loaded(mixed, SMALL, dict(type='LoadAdjacentFrames'))
    assert [f.shape for f in small['adjacent']] == [(32, 64, 3)] * 2
    for size in ((128, 255), (64, 128), (32, 64)):
        path = tmp_path / 'odd.jpg'
        write_image(path, np.zeros((*size, 3), np.uint8))
        with pytest.raises(BrokenFileError, match=rf'odd.jpg .*{size[1]}x{size[0]}'):
            loaded(
                dict(info, adjacent_paths=[str(path)]),
                SMALL,
                dict(type='LoadAdjacentFrames'),
            )


@pytest.mark.parametrize(
    'step, named',
    [
        (dict(type='RandomCrop', crop_size=(16, 16)), 'RandomCrop .*Resize'),
        (dict(type='Resize', scale=(128, 64)), 'min_size'),
        (dict(type='Resize', scale_factor=0.25), 'min_size'),
    ],
)
def test_what_would_be_wrong_is_refused(frame, step, named):
    info = frame('jpg')
    with pytest.raises(UserError, match=named):
        loaded(info, SMALL, step)
    loaded(info, None, step)


@pytest.mark.parametrize(
    'options',
    [
        dict(min_size=(0, 5)),
        dict(min_size=(5,)),
        dict(min_size=SMALL, color_type='unchanged'),
        dict(min_size=SMALL, imdecode_backend='pillow'),
    ],
)
def test_options_are_checked_at_once(options):
    with pytest.raises(UserError, match='min_size'):
        Compose([dict(type='LoadImageFromFile', **options)])


@pytest.mark.parametrize('min_size', [None, SMALL])
def test_bad_files(tmp_path, min_size):
    path = tmp_path / 'x.jpg'
    good = encode(picture(), 'JPEG')
    turned = encode(Image.fromarray(picture()), 'JPEG', exif=tagged(6))
    cmyk = encode(Image.new('CMYK', (256, 128), 9), 'JPEG')
    header = good[: good.index(b'\xff\xda')] + b'\xff\xda\xff\xd9'
    for content, problem in (
        (good[:-60], 'truncated'),
        (b'', 'empty'),
        (turned, '6'),
        (cmyk, 'CMYK'),
        (header, 'decoded'),
        (good[:40] + b'\xff\xd9', 'truncated'),
    ):
        path.write_bytes(content)
        with pytest.raises(BrokenFileError, match=f'x.jpg .*{problem}'):
            loaded(dict(img_path=str(path)), min_size)
