import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.golden import assert_golden, load

from mmdepthseg.geometry import (
    backproject,
    crop_intrinsics,
    flip_intrinsics,
    pad_intrinsics,
    project,
    resize_intrinsics,
)
from mmdepthseg.geometry.camera import inverse_intrinsics

SIZE = (120, 200)  # height, width


def _camera() -> np.ndarray:
    return np.array([[150.0, 2.0, 90.0], [0, 140.0, 55.0], [0, 0, 1]])


def _pixel_of(point: np.ndarray, cam2img: np.ndarray) -> np.ndarray:
    u, v, w = cam2img @ point
    return np.array([u, v]) / w


@pytest.mark.parametrize('seed', range(20))
def test_point_is_found_after_any_chain_of_transforms(seed):
    """A 3-D point's pixel and its projection by the new K stay the same."""
    random = np.random.default_rng(seed)
    cam2img, point = _camera(), np.array([0.7, -0.4, 3.0])
    pixel = _pixel_of(point, cam2img)
    height, width = SIZE
    for _ in range(8):
        kind = random.choice(['resize', 'crop', 'flip', 'pad'])
        if kind == 'resize':
            new = np.array([width, height]) * random.uniform(0.5, 2, 2)
            new_width, new_height = new.round().astype(int)
            scale = np.array([new_width / width, new_height / height])
            cam2img = resize_intrinsics(cam2img, *scale)
            pixel = (pixel + 0.5) * scale - 0.5
            height, width = new_height, new_width
        elif kind == 'crop':
            left, top = random.integers(0, 20, 2)
            cam2img = crop_intrinsics(cam2img, left, top)
            pixel = pixel - [left, top]
            height, width = height - top, width - left
        elif kind == 'pad':
            left, top, right, bottom = random.integers(0, 20, 4)
            cam2img = pad_intrinsics(cam2img, left, top)
            pixel = pixel + [left, top]
            height, width = height + top + bottom, width + left + right
        else:
            cam2img = flip_intrinsics(cam2img, width)
            point = point * [-1, 1, 1]
            pixel = np.array([width - 1 - pixel[0], pixel[1]])
        np.testing.assert_allclose(_pixel_of(point, cam2img), pixel, atol=1e-9)


@pytest.mark.parametrize('library', ['cv2', 'torch'])
def test_resize_agrees_with_image_libraries(library):
    """A smooth blob, resized by the library, has its centre where K says."""
    size, centre = (60, 90), np.array([40.3, 25.8])
    ys, xs = np.mgrid[: size[0], : size[1]]
    blob = np.exp(-((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2) / 72)
    new_width, new_height = 45, 40
    if library == 'cv2':
        small = cv2.resize(blob, (new_width, new_height))
    else:
        small = F.interpolate(
            torch.from_numpy(blob)[None, None],
            (new_height, new_width),
            mode='bilinear',
            align_corners=False,
        )[0, 0].numpy()
    ys, xs = np.mgrid[:new_height, :new_width]
    found = np.array([(small * xs).sum(), (small * ys).sum()]) / small.sum()

    # A camera that sees the point (0, 0, 1) at the blob's centre.
    cam2img = np.array([[50, 0, centre[0]], [0, 50, centre[1]], [0, 0, 1]])
    resized = resize_intrinsics(cam2img, new_width / size[1], new_height / size[0])
    np.testing.assert_allclose(resized[:2, 2], found, atol=0.02)


def test_crop_and_flip_agree_with_slicing():
    image = np.zeros(SIZE)
    image[50, 120] = 1
    cam2img = np.array([[80.0, 0, 120], [0, 80, 50], [0, 0, 1]])
    cropped = crop_intrinsics(cam2img, 100, 30)
    assert image[30:, 100:][int(cropped[1, 2]), int(cropped[0, 2])] == 1
    flipped = flip_intrinsics(cam2img, SIZE[1])
    assert image[:, ::-1][int(flipped[1, 2]), int(flipped[0, 2])] == 1
    assert flipped[0, 0] == 80


def test_numpy_and_torch_agree_and_input_is_untouched():
    numpy_k = np.stack([_camera(), _camera() + np.eye(3)])
    torch_k = torch.from_numpy(numpy_k.copy())
    before = numpy_k.copy()
    for change in (
        lambda k: resize_intrinsics(k, 0.5, 0.7),
        lambda k: crop_intrinsics(k, 3, 4),
        lambda k: pad_intrinsics(k, 3, 4),
        lambda k: flip_intrinsics(k, 64),
    ):
        np.testing.assert_allclose(change(numpy_k), change(torch_k).numpy())
        np.testing.assert_array_equal(numpy_k, before)
        np.testing.assert_array_equal(torch_k.numpy(), before)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r'cam2img must have shape \(..., 3, 3\)'):
        crop_intrinsics(np.eye(4), 0, 0)
    with pytest.raises(ValueError, match='Scales must be positive'):
        resize_intrinsics(np.eye(3), 0, 1)
    with pytest.raises(ValueError, match=r'depth must have shape \(\*, 1, \*, \*\)'):
        backproject(torch.ones(2, 3, 4, 4), torch.eye(3).expand(2, 3, 3))
    with pytest.raises(ValueError, match=r'cam2img must have shape \(2, 3, 3\)'):
        backproject(torch.ones(2, 1, 4, 4), torch.eye(3)[None])
    with pytest.raises(ValueError, match='points must have shape'):
        project(torch.ones(2, 4, 4), torch.eye(3).expand(2, 3, 3))


def test_inverse_intrinsics_is_the_inverse():
    cam2img = torch.from_numpy(_camera())[None]
    product = inverse_intrinsics(cam2img) @ cam2img
    torch.testing.assert_close(product[0], torch.eye(3, dtype=torch.float64))


def test_golden_backprojection():
    golden = load('a3')
    points = backproject(golden['depth'], golden['K'][:, :3, :3])
    assert_golden(points.flatten(2), golden['cam_points'][:, :3])


def test_project_undoes_backproject():
    depth = torch.rand(2, 1, 5, 7) * 10 + 0.5
    cam2img = torch.from_numpy(_camera()).float().expand(2, 3, 3)
    pixels, valid = project(backproject(depth, cam2img), cam2img)
    ys, xs = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing='ij')
    torch.testing.assert_close(
        pixels, torch.stack([xs, ys]).expand(2, 2, 5, 7), rtol=0, atol=1e-3
    )
    assert valid.all()


def test_points_that_cannot_be_seen_are_invalid_and_pass_no_gradient():
    z = [2.0, 0.0, -1.0, math.nan, math.inf, 1e-5]
    points = torch.tensor([[1.0] * 6, [0.5] * 6, z])[None, :, None].requires_grad_()
    pixels, valid = project(points, torch.eye(3)[None])
    assert valid.flatten().tolist() == [True] + [False] * 5
    assert pixels.isfinite().all()
    pixels.sum().backward()
    gradient = points.grad[0, :, 0]
    assert gradient.isfinite().all()
    assert gradient[:, 0].abs().min() > 0
    assert gradient[:, 1:].abs().max() == 0


def test_float32_under_autocast():
    depth = torch.full((1, 1, 4, 3000), 7.0)
    cam2img = torch.tensor([[[2262.5, 0, 1097], [0, 2265.3, 513], [0, 0, 1]]])
    with torch.autocast('cpu', torch.bfloat16):
        points = backproject(depth.bfloat16(), cam2img)
        pixels, _ = project(points, cam2img)
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels[0, 0, 0], torch.arange(3000.0), rtol=0, atol=1e-2)
