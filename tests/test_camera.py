import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdepthseg.camera import Camera
from mmdepthseg.utils.errors import UserError

SIZE = (120, 200)  # height, width


K = [[150.0, 2.0, 90.0], [0, 140.0, 55.0], [0, 0, 1]]


def _pixel_of(point: np.ndarray, camera: Camera) -> np.ndarray:
    u, v, w = camera.K @ point
    return np.array([u, v]) / w


@pytest.mark.parametrize('seed', range(20))
def test_point_is_found_after_any_chain_of_transforms(seed):
    """A 3-D point's pixel and its projection by the new camera stay the same."""
    random = np.random.default_rng(seed)
    camera, point = Camera(K, SIZE), np.array([0.7, -0.4, 3.0])
    pixel = _pixel_of(point, camera)
    for _ in range(8):
        height, width = camera.size
        kind = random.choice(['resize', 'crop', 'flip', 'pad'])
        if kind == 'resize':
            new = tuple((random.uniform(0.5, 2, 2) * camera.size).round().astype(int))
            camera = camera.resized(new)
            pixel = (pixel + 0.5) * (new[1] / width, new[0] / height) - 0.5
        elif kind == 'crop':
            left, top = random.integers(0, 20, 2)
            new = (height - top, width - left)
            camera = camera.cropped(left, top, new)
            pixel = pixel - [left, top]
        elif kind == 'pad':
            left, top, right, bottom = random.integers(0, 20, 4)
            new = (height + top + bottom, width + left + right)
            camera = camera.cropped(-left, -top, new)
            pixel = pixel + [left, top]
        else:
            new = camera.size
            direction = random.choice(['horizontal', 'vertical', 'diagonal'])
            camera = camera.flipped(direction)
            if direction != 'vertical':
                point = point * [-1, 1, 1]
                pixel = np.array([width - 1 - pixel[0], pixel[1]])
            if direction != 'horizontal':
                point = point * [1, -1, 1]
                pixel = np.array([pixel[0], height - 1 - pixel[1]])
        assert camera.size == new
        np.testing.assert_allclose(_pixel_of(point, camera), pixel, atol=1e-9)


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
    camera = Camera([[50, 0, centre[0]], [0, 50, centre[1]], [0, 0, 1]], size)
    resized = camera.resized((new_height, new_width))
    np.testing.assert_allclose(resized.K[:2, 2], found, atol=0.02)


def test_crop_and_flip_agree_with_slicing():
    image = np.zeros(SIZE)
    image[50, 120] = 1
    camera = Camera([[80.0, 0, 120], [0, 80, 50], [0, 0, 1]], SIZE)
    cropped = camera.cropped(100, 30, (90, 100)).K
    assert image[30:, 100:][int(cropped[1, 2]), int(cropped[0, 2])] == 1
    flipped = camera.flipped().K
    assert image[:, ::-1][int(flipped[1, 2]), int(flipped[0, 2])] == 1
    assert flipped[0, 0] == 80


def test_a_camera_stays_as_it_is():
    camera = Camera(K, SIZE, baseline=0.2, source='a.json')
    for other in (
        camera.resized((60, 100)),
        camera.cropped(3, 4, (50, 60)),
        camera.flipped(),
    ):
        assert other.baseline == 0.2 and other.source == 'a.json'
        assert other.K is not camera.K and (camera.K == K).all()
    assert camera.size == SIZE


def test_a_view_may_be_stored_at_another_size_but_not_aspect_ratio():
    camera = Camera(K, (1024, 2048), source='a.json')
    assert camera.fitted((512, 1024)).fx == camera.resized((512, 1024)).fx == 75
    assert camera.fitted((171, 341)).size == (171, 341)  # a pixel of rounding
    kitti = Camera(K, (375, 1242)).fitted((192, 640))
    assert kitti.fx == pytest.approx(K[0][0] * 640 / 1242)
    assert kitti.fy == pytest.approx(K[1][1] * 192 / 375)
    for size in ((500, 1024), (512, 1000), (1024, 1024)):
        with pytest.raises(UserError, match='a.json: .*2048x1024 .*b.png'):
            camera.fitted(size, 'b.png')


@pytest.mark.parametrize(
    'matrix, size',
    [
        (np.eye(4), SIZE),
        ([[np.nan, 0, 1], [0, 1, 1], [0, 0, 1]], SIZE),
        ([[0, 0, 1], [0, 1, 1], [0, 0, 1]], SIZE),
        ([[1, 0, 1], [0, -1, 1], [0, 0, 1]], SIZE),
        ([[1, 0, 1], [0.1, 1, 1], [0, 0, 1]], SIZE),
        ([[1, 0, 1], [0, 1, 1], [0, 0, 2]], SIZE),
        (np.eye(3), (0, 4)),
    ],
)
def test_what_is_not_a_camera(matrix, size):
    with pytest.raises(UserError, match='a.json: '):
        Camera(matrix, size, source='a.json')
