"""The image, its maps and K move together, whatever the chain of transforms."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS, DefaultScope

import mmdepthseg.datasets.transforms as ours
from mmdepthseg.geometry import Camera

POINT = np.array([0.3, -0.2, 4.0])  # in the camera's frame, metres
SIZE = (96, 144)
CAMERA = Camera([[150.0, 0.4, 70.3], [0.0, 140.0, 51.7], [0.0, 0.0, 1.0]], SIZE)
RADIUS = 5


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


def project(camera, point=POINT):
    x, y, z = camera.K @ point
    return np.array([x / z, y / z])


def blob(center, size=SIZE):
    ys, xs = np.mgrid[: size[0], : size[1]]
    return np.exp(-((xs - center[0]) ** 2 + (ys - center[1]) ** 2) / (2 * RADIUS**2))


def make_results():
    bright = blob(project(CAMERA))
    image = np.repeat((255 * bright).astype(np.uint8)[..., None], 3, axis=2)
    return dict(
        img=image,
        img_shape=SIZE,
        ori_shape=SIZE,
        img_id='blob',
        adjacent=[image.copy(), image.copy()],
        adjacent_offsets=(-1, 1),
        camera=CAMERA,
        gt_seg_map=(bright > 0.5).astype(np.uint8),
        seg_fields=['gt_seg_map'],
        gt_depth_map=bright.astype(np.float32) * 7,
        disparity_map=bright.astype(np.float32),
        depth_fields=['gt_depth_map', 'disparity_map'],
    )


def centre(weights):
    weights = np.asarray(weights, dtype=np.float64)
    ys, xs = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()


def draw_chain(rng):
    """A random chain and, independently, what it does to pixel coordinates."""
    size, steps = np.array(SIZE[::-1]), []

    def resize():
        scale = tuple(int(v) for v in np.round(size * rng.uniform(0.7, 1.6, 2)))
        return dict(type='Resize', scale=scale, keep_ratio=bool(rng.integers(2)))

    def ratio():
        return dict(
            type='RandomResize',
            scale=tuple(size.tolist()),
            ratio_range=(0.7, 1.5),
            keep_ratio=bool(rng.integers(2)),
        )

    def choice():
        return dict(
            type='RandomChoiceResize', scales=[(150, 100), (100, 80)], keep_ratio=False
        )

    def crop():
        return dict(
            type='RandomCrop',
            crop_size=(int(rng.integers(70, 100)), int(rng.integers(100, 150))),
        )

    def flip():
        return dict(
            type='RandomFlip',
            prob=0.7,
            direction=str(rng.choice(['horizontal', 'vertical', 'diagonal'])),
        )

    def pad():
        return dict(type='Pad', size_divisor=int(rng.choice([16, 32, 50])))

    makers = [resize, ratio, choice, crop, crop, flip, flip, pad]
    for _ in range(rng.integers(1, 7)):
        step = makers[rng.integers(len(makers))]()
        resizings = sum('Resize' in other['type'] for other in steps)
        # each nearest-neighbour resizing moves a label by up to half a pixel
        if resizings < 2 or 'Resize' not in step['type']:
            steps.append(step)
    return steps


def run(steps, results):
    """Results of a chain, the point's pixel by formulas of its own, and the point.

    A mirrored image shows the mirrored world, so flips mirror the point.
    """
    uv, mirror = project(results['camera']), np.ones(3)
    for step in steps:
        before = np.array(results['img'].shape[1::-1])
        state = np.random.get_state()
        results = Compose([step])(results)
        if 'Resize' in step['type']:
            uv = (uv + 0.5) * (results['img'].shape[1::-1] / before) - 0.5
        elif step['type'] == 'RandomCrop':
            np.random.set_state(state)  # read the box off the same random numbers
            margins = np.maximum(before - step['crop_size'][::-1], 0)
            top = np.random.randint(0, margins[1] + 1)
            uv = uv - (np.random.randint(0, margins[0] + 1), top)
        elif step['type'] == 'RandomFlip' and results['flip']:
            axes = dict(horizontal=[0], vertical=[1], diagonal=[0, 1])[
                step['direction']
            ]
            uv[axes] = before[axes] - 1 - uv[axes]
            mirror[axes] *= -1
    return results, uv, POINT * mirror


@pytest.mark.parametrize('seed', range(40))
def test_camera_is_exact(seed):
    np.random.seed(seed)
    results, uv, point = run(draw_chain(np.random.default_rng(seed)), make_results())
    assert np.abs(project(results['camera'], point) - uv).max() < 1e-6
    assert results['camera'].size == results['img_shape'] == (results['img'].shape[:2])


def test_a_known_point_is_found_after_any_chain():
    found_often = 0
    for seed in range(120):
        np.random.seed(seed)
        steps = draw_chain(np.random.default_rng(seed))
        results, _, point = run(steps, make_results())
        uv = project(results['camera'], point)
        size = np.array(results['img'].shape[1::-1])
        focal = results['camera'].K[[0, 1], [0, 1]]
        margin = 4 * RADIUS * focal / CAMERA.K[[0, 1], [0, 1]]
        if (uv < margin).any() or (uv > size - margin).any():
            continue  # the blob is cut: its centre of mass says nothing
        found_often += 1
        images = [results['img'], *results['adjacent']]
        for where in (centre(image[..., 0]) for image in images):
            assert np.abs(where - uv).max() < 0.15, steps
        for field in (
            results['gt_seg_map'] == 1,
            np.nan_to_num(results['disparity_map']),
            results['gt_depth_map'],
        ):
            assert field.shape == images[0].shape[:2]
            assert np.abs(centre(field) - uv).max() < 0.9, steps
    assert found_often > 40


def test_padding_values():
    results = make_results()
    results['gt_depth_map'] += 1
    results = ours.Pad(size=(160, 128))(results)
    assert (results['gt_seg_map'][96:] == 255).all()
    assert (results['gt_depth_map'][96:] == 0).all()
    assert np.isnan(results['disparity_map'][:, 144:]).all()
    assert not np.isnan(results['disparity_map'][:96, :144]).any()
    assert results['adjacent'][1].shape == (128, 160, 3)
    assert np.array_equal(results['camera'].K, CAMERA.K)
    assert results['camera'].size == (128, 160)


def test_padding_stays_known_after_any_chain():
    padded = 0
    for seed in range(60):
        np.random.seed(seed)
        steps = draw_chain(np.random.default_rng(seed))
        results = Compose([*steps, dict(type='PackDepthSegInputs')])(make_results())
        sample = results['data_samples']
        left, right, top, bottom = sample.metainfo.get('padding_size', (0,) * 4)
        label = sample.gt_sem_seg.data[0]
        height, width = label.shape
        inner = label[top : height - bottom, left : width - right]
        assert (inner != 255).all() and (label == 255).sum() == (
            label.numel() - inner.numel()
        )
        padded += left + top > 0
    assert padded > 5


def test_resize_keeps_depth_values_and_labels():
    results = make_results()
    before = set(np.unique(results['gt_depth_map']))
    results = ours.Resize(scale=(70, 50))(results)
    assert set(np.unique(results['gt_depth_map'])) <= before
    assert set(np.unique(results['gt_seg_map'])) == {0, 1}


def test_nearest_resizing_is_centred():
    """A third of the size takes the middle pixel of each three, not the first."""
    results = make_results()
    results['gt_seg_map'] = np.tile(np.arange(144, dtype=np.uint8), (96, 1))
    results['gt_depth_map'] = results['gt_seg_map'].astype(np.float32)
    results = ours.Resize(scale=(48, 32))(results)
    for key in ('gt_seg_map', 'gt_depth_map'):
        assert np.array_equal(results[key][5], 3 * np.arange(48) + 1)


def test_plain_images_work_without_the_rest():
    chain = Compose(
        [
            dict(type='Resize', scale=(40, 30)),
            dict(type='RandomCrop', crop_size=16, cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=1.0),
            dict(type='Pad', size=(20, 20)),
        ]
    )
    results = chain(dict(img=np.zeros((60, 80, 3), np.uint8), seg_fields=[]))
    assert results['img'].shape == (20, 20, 3) and results['flip']


def test_a_listed_but_not_loaded_camera_is_left_alone():
    results = make_results()
    results['file_camera'] = results.pop('camera')
    results = ours.Resize(scale=(70, 50))(results)
    assert results['file_camera'] is CAMERA and 'camera' not in results


def test_maps_of_their_own_size_cannot_be_cropped():
    results = make_results()
    results.update(depth_fields=[], unmoved_fields=['gt_depth_map'])
    results = ours.Resize(scale=(70, 50))(results)
    assert results['gt_depth_map'].shape == SIZE
    with pytest.raises(ValueError, match='RandomCrop.*gt_depth_map.*without keep_size'):
        ours.RandomCrop(crop_size=20)(results)


def test_scope_picks_ours():
    for step in (
        dict(type='Resize', scale=9),
        dict(type='RandomCrop', crop_size=9),
        dict(type='RandomFlip', prob=0.5),
        dict(type='Pad', size=(9, 9)),
    ):
        assert type(TRANSFORMS.build(step)) is getattr(ours, step['type'])
    inner = TRANSFORMS.build(
        dict(
            type='RandomResize',
            scale=(9, 9),
            ratio_range=(1.0, 2.0),
            resize_type='Resize',
        )
    ).resize
    assert type(inner) is ours.Resize
