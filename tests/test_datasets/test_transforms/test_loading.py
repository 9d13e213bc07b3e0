import json

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import DefaultScope
from PIL import Image

from mmdepthseg.cityscapes import train_id_table
from mmdepthseg.datasets import BrokenFileError
from mmdepthseg.datasets.transforms import (
    LoadAdjacentFrames,
    LoadCamera,
    LoadImageFromFile,
    LoadSegLabel,
)
from mmdepthseg.datasets.transforms.state import mark_moved
from mmdepthseg.geometry import Camera
from mmdepthseg.utils.errors import UserError

CAMERA = dict(intrinsic=dict(fx=30.0, fy=31.0, u0=17.0, v0=8.0))


def textured(shape=(32, 48, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_truncated_image(tmp_path, suffix):
    path = tmp_path / f'x.{suffix}'
    cv2.imwrite(str(path), textured())
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(BrokenFileError, match=f'x.{suffix}'):
        LoadImageFromFile()(dict(img_path=str(path)))


def test_missing_empty_and_ignored_image(tmp_path):
    path = tmp_path / 'x.png'
    with pytest.raises(BrokenFileError, match='x.png'):
        LoadImageFromFile()(dict(img_path=str(path)))
    assert LoadImageFromFile(ignore_empty=True)(dict(img_path=str(path))) is None
    path.write_bytes(b'')
    with pytest.raises(BrokenFileError, match='x.png is empty'):
        LoadImageFromFile()(dict(img_path=str(path)))


def test_image_is_what_cv2_reads(tmp_path):
    path = str(tmp_path / 'x.png')
    cv2.imwrite(path, textured())
    results = LoadImageFromFile()(dict(img_path=path))
    assert np.array_equal(results['img'], textured())
    assert results['ori_shape'] == results['img_shape'] == (32, 48)


def test_neighbour_of_another_size(tmp_path):
    path = str(tmp_path / 'next.png')
    cv2.imwrite(path, textured((30, 48, 3)))
    results = dict(img=textured(), adjacent_paths=[path], img_id='a/1')
    for known in ({}, dict(ori_shape=(32, 48))):
        with pytest.raises(BrokenFileError, match=r'next.png .*48x30.*a/1 of 48x32'):
            LoadAdjacentFrames()(results | known)


@pytest.mark.parametrize('img', [textured((16, 24, 3)), textured((32, 48))])
def test_neighbour_of_an_image_that_was_changed(tmp_path, img):
    path = str(tmp_path / 'next.png')
    cv2.imwrite(path, textured())
    results = dict(img=img, ori_shape=(32, 48), adjacent_paths=[path], img_id='a/1')
    with pytest.raises(UserError, match='LoadAdjacentFrames .*next.png') as caught:
        LoadAdjacentFrames()(results)
    assert not isinstance(caught.value, BrokenFileError)  # not to be skipped


def test_loading_after_a_crop_is_refused():
    results = dict(
        img=textured(),
        moved_by='RandomCrop',
        img_id='a/1',
        adjacent_paths=[],
        file_camera=Camera(np.eye(3), (32, 48)),
        seg_map_path='x',
    )
    for loader in (LoadAdjacentFrames(), LoadCamera(), LoadSegLabel()):
        with pytest.raises(ValueError, match='RandomCrop'):
            loader(dict(results))


@pytest.mark.parametrize(
    'json_size, camera_size, scale',
    [(None, None, 1.0), (dict(width=96, height=64), None, 0.5), (None, (64, 96), 0.5)],
)
def test_camera_is_scaled_to_the_image(tmp_path, json_size, camera_size, scale):
    path = tmp_path / 'x_camera.json'
    path.write_text(json.dumps({**CAMERA, **(json_size or {})}))
    results = dict(img=textured(), ori_shape=(32, 48), camera_path=str(path))
    if camera_size:
        results['camera_size'] = camera_size
    results = LoadCamera()(results)
    assert np.allclose(results['camera'].K[0], (30 * scale, 0, 17.5 * scale - 0.5))
    assert np.allclose(results['camera'].K[1], (0, 31 * scale, 8.5 * scale - 0.5))
    assert results['camera'].K.dtype == np.float64


@pytest.mark.parametrize('size', [(32, 40), (24, 48)])
def test_camera_of_another_aspect_ratio(tmp_path, size):
    path = tmp_path / 'x_camera.json'
    path.write_text(json.dumps(CAMERA))
    results = dict(
        img=textured(), camera_path=str(path), camera_size=size, img_id='a/1'
    )
    with pytest.raises(UserError, match='x_camera.json: .*a/1 has 48x32: .*aspect'):
        LoadCamera()(results)


def test_camera_after_a_resize():
    results = dict(
        img=textured((16, 24, 3)),
        ori_shape=(32, 48),
        file_camera=Camera([[30.0, 0, 17], [0, 31.0, 8], [0, 0, 1]], (32, 48)),
    )
    assert np.allclose(LoadCamera()(results)['camera'].K[0], (15, 0, 8.25))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(u0=1096.98), r'x_camera.json: .*\(1096.98, 8\).*48x32'),
        (dict(v0=-3.0), r'x_camera.json: .*, -3\)'),
        (dict(fx=0.0), 'x_camera.json: .*fx=0'),
        (dict(fx='wide'), 'x_camera.json'),
    ],
)
def test_camera_that_cannot_be(tmp_path, change, message):
    path = tmp_path / 'x_camera.json'
    path.write_text(json.dumps(dict(intrinsic={**CAMERA['intrinsic'], **change})))
    with pytest.raises(ValueError, match=message) as info:
        LoadCamera()(dict(img=textured(), ori_shape=(32, 48), camera_path=str(path)))
    assert 'x_camera.json' in str(info.value)


def load_label(tmp_path, label, table='cityscapes_label_ids', **extra):
    path = str(tmp_path / 'label.png')
    cv2.imwrite(path, label)
    return LoadSegLabel()(dict(seg_map_path=path, label_table=table, **extra))


def test_label_table(tmp_path):
    label = np.array([[7, 33, 0], [26, 255, 11]], np.uint8)
    results = load_label(tmp_path, label)
    assert results['gt_seg_map'].tolist() == [[0, 18, 255], [13, 255, 2]]
    assert results['seg_fields'] == ['gt_seg_map']


def test_unknown_label_id(tmp_path):
    label = np.array([[7, 34], [200, 255]], np.uint8)
    with pytest.raises(ValueError, match=r'label.png holds ids .*\[34, 200\]'):
        load_label(tmp_path, label)
    with pytest.raises(ValueError, match=r'cityscapes_train_ids .*\[34, 200\]'):
        load_label(tmp_path, label, table='cityscapes_train_ids')


def test_label_of_another_size_or_kind(tmp_path):
    with pytest.raises(BrokenFileError, match=r'label.png .*\(4, 4\), .*\(8, 8\)'):
        load_label(tmp_path, np.zeros((4, 4), np.uint8), ori_shape=(8, 8))
    with pytest.raises(BrokenFileError, match='8-bit'):
        load_label(tmp_path, np.zeros((4, 4), np.uint16))


def test_missing_label(tmp_path):
    """Only MMSegmentation's data sets list what does not exist."""
    info = dict(seg_map_path=str(tmp_path / 'label.png'))
    with pytest.raises(BrokenFileError, match=r'label.png .*seg_map_path'):
        LoadSegLabel()(info)
    with pytest.raises(BrokenFileError, match=r'label.png does not exist$'):
        LoadSegLabel()(dict(info, label_table=3))


def test_palette_label(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [10, 11]], np.uint8), mode='P')
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / 'p.png')
    results = LoadSegLabel()(
        dict(seg_map_path=str(tmp_path / 'p.png'), label_table='camvid')
    )
    assert results['gt_seg_map'].tolist() == [[0, 1], [10, 255]]


def test_reduce_zero_label_as_mmseg(tmp_path):
    label = np.array([[0, 1], [5, 255]], np.uint8)
    results = load_label(tmp_path, label, table=None, reduce_zero_label=True)
    assert results['gt_seg_map'].tolist() == [[255, 0], [4, 255]]


def test_label_loaded_after_a_resize_keeps_its_size(tmp_path):
    results = load_label(
        tmp_path,
        np.full((8, 8), 7, np.uint8),
        ori_shape=(8, 8),
        img=np.zeros((4, 4, 3), np.uint8),
        seg_fields=[],
    )
    assert results['gt_seg_map'].shape == (8, 8) and results['seg_fields'] == []


def test_absent_items_are_left_out():
    results = dict(img=textured(), ori_shape=(32, 48))
    for loader in (LoadAdjacentFrames(), LoadCamera(), LoadSegLabel()):
        assert set(loader(dict(results))) == set(results)


def load_at(tmp_path, evaluate_at, label, ori_shape, shape):
    path = str(tmp_path / 'label.png')
    cv2.imwrite(path, label)
    return LoadSegLabel(evaluate_at=evaluate_at)(
        dict(
            seg_map_path=path,
            label_table='cityscapes_label_ids',
            ori_shape=ori_shape,
            img=np.zeros((*shape, 3), np.uint8),
            img_id='a/1',
        )
    )


@pytest.mark.parametrize(
    'evaluate_at, shape', [('image', (8, 16)), ('label', (16, 32))]
)
@pytest.mark.parametrize('ori_shape', [(8, 16), (16, 32)])
def test_size_of_the_comparison(tmp_path, evaluate_at, shape, ori_shape):
    label = np.random.default_rng(0).integers(0, 34, (16, 32)).astype(np.uint8)
    results = load_at(tmp_path, evaluate_at, label, ori_shape, (8, 16))
    expected = Image.fromarray(label).resize(shape[::-1], Image.NEAREST)
    expected = train_id_table()[np.asarray(expected)]
    assert np.array_equal(results['gt_seg_map'], expected)
    assert results['ori_shape'] == shape and results['img_file_shape'] == ori_shape
    # an image-sized label moves with the image, another one must not be moved
    assert ('seg_fields' in results) == (evaluate_at == 'image')
    assert ('unmoved_fields' in results) == (evaluate_at == 'label')


def test_training_with_labels_of_another_size(tmp_path):
    """The advice works, also where the image is decoded at a half of its size."""
    label = np.random.default_rng(0).integers(0, 34, (64, 96)).astype(np.uint8)
    path = str(tmp_path / 'image.jpg')
    cv2.imwrite(path, textured())
    cv2.imwrite(str(tmp_path / 'label.png'), label)
    info = dict(
        img_path=path,
        img_id='a/1',
        seg_map_path=str(tmp_path / 'label.png'),
        label_table='cityscapes_label_ids',
    )
    for min_size, size in ((None, (32, 48)), ((24, 16), (16, 24))):
        image = LoadImageFromFile(min_size=min_size)(dict(info))
        assert image['img'].shape[:2] == size
        with pytest.raises(BrokenFileError, match="training .*evaluate_at='image'"):
            LoadSegLabel()(dict(image))
        steps = [
            dict(type='LoadSegLabel', evaluate_at='image'),
            dict(type='Resize', scale=(24, 16)),
            dict(type='RandomCrop', crop_size=(8, 8)),
        ]
        with DefaultScope.overwrite_default_scope('mmdepthseg'):
            results = Compose(steps[:2])(dict(image))
            cropped = Compose(steps)(dict(image))
        assert cropped['gt_seg_map'].shape == (8, 8)
        smaller = train_id_table()[label][3::4, 3::4]
        assert np.array_equal(results['gt_seg_map'], smaller)


@pytest.mark.parametrize('evaluate_at', ['label', None])
def test_moving_a_label_of_its_own_size(tmp_path, evaluate_at):
    """It was taken for a depth map with keep_size."""
    results = load_at(
        tmp_path, evaluate_at, np.zeros((16, 32), np.uint8), (16, 32), (8, 16)
    )
    with pytest.raises(UserError, match='RandomCrop.*a/1.*put LoadSegLabel') as info:
        mark_moved(results, 'RandomCrop')
    assert 'keep_size' not in str(info.value)


def test_camera_after_a_label_of_another_size(tmp_path):
    path = tmp_path / 'camera.json'
    path.write_text(json.dumps(CAMERA))
    results = load_at(
        tmp_path, 'label', np.zeros((64, 96), np.uint8), (32, 48), (16, 24)
    )
    results = LoadCamera()(dict(results, camera_path=str(path)))
    assert results['ori_shape'] == (64, 96)
    assert results['camera'].K[0, 0] == CAMERA['intrinsic']['fx'] / 2


def test_size_of_the_comparison_errors(tmp_path):
    with pytest.raises(ValueError, match="evaluate_at.*'label'"):
        LoadSegLabel(evaluate_at='full')
    for evaluate_at in ('label', None):
        with pytest.raises(
            BrokenFileError, match=r'label.png .*\(16, 20\), .*\(8, 16\): .* the same$'
        ):
            label = np.zeros((16, 20), np.uint8)
            load_at(tmp_path, evaluate_at, label, (8, 16), (8, 16))
    with pytest.raises(ValueError, match='evaluate_at.*LoadImageFromFile'):
        LoadSegLabel(evaluate_at='image')(
            dict(seg_map_path=str(tmp_path / 'label.png'))
        )


def test_labels_of_mirrored_images_only_where_asked_for():
    with pytest.raises(UserError, match='after_flip'):
        LoadSegLabel(after_flip=True)
    moved = dict(seg_map_path='x.png', moved_by='RandomFlip')
    with pytest.raises(UserError, match='RandomFlip'):
        LoadSegLabel(evaluate_at='label').transform(moved)
    for movers in (['RandomCrop'], ['RandomFlip', 'RandomCrop']):
        cropped = dict(seg_map_path='x.png')
        for mover in movers:
            mark_moved(cropped, mover)
        with pytest.raises(UserError, match='RandomCrop'):
            LoadSegLabel(evaluate_at='label', after_flip=True).transform(cropped)
