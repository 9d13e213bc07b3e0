import functools

import cv2
import numpy as np
import pytest

from mmdepthseg.datasets import BrokenFileError
from mmdepthseg.datasets.depth_labels import DepthLabelError, DepthLabelStore
from mmdepthseg.datasets.transforms import (
    LoadCamera,
    LoadDepthMap,
    LoadSDEDisparity,
    LoadStereoDepth,
)
from mmdepthseg.datasets.transforms.state import mark_moved
from mmdepthseg.geometry import Camera
from mmdepthseg.utils.errors import UserError

CAMERA = Camera(
    [[40.0, 0.0, 15.5], [0.0, 40.0, 7.5], [0.0, 0.0, 1.0]], (16, 32), source='a.json'
)


def write(path, array):
    assert cv2.imwrite(str(path), array)
    return str(path)


def image(shape=(16, 32)):
    return dict(img=np.zeros((*shape, 3), np.uint8), ori_shape=(16, 32), img_id='a/1')


def test_stereo_depth_values(tmp_path):
    stored = np.zeros((16, 32), np.uint16)
    stored[0, :4] = (0, 1, 257, 1 + 256 * 8)
    path = write(tmp_path / 'd.png', stored)
    results = LoadStereoDepth(baseline=0.5)(
        dict(image(), disparity_path=path, file_camera=CAMERA)
    )
    # not measured, infinitely far, d = 1, d = 8 pixels
    assert results['gt_depth_map'][0, :4].tolist() == [0, 0, 20.0, 2.5]
    assert results['gt_depth_map'].dtype == np.float32
    assert results['depth_fields'] == ['gt_depth_map']


@pytest.mark.parametrize('camera_first', [False, True])
def test_stereo_depth_does_not_depend_on_sizes(tmp_path, camera_first):
    """Half the size halves d in pixels and fx: the depth stays."""
    path = write(tmp_path / 'd.png', np.full((8, 16), 1 + 256 * 4, np.uint16))
    results = dict(image((4, 8)), disparity_path=path, file_camera=CAMERA)
    if camera_first:
        results = LoadCamera()(results)
    depth = LoadStereoDepth(baseline=0.5)(dict(results))['gt_depth_map']
    assert depth.shape == (4, 8) and np.allclose(depth, 0.5 * 20 / 4)
    shrunk = LoadStereoDepth(baseline=0.5, disparity_width=32)(results)
    assert np.allclose(shrunk['gt_depth_map'], 0.5 * 40 / 4)


def test_stereo_depth_without_camera_or_baseline(tmp_path):
    path = write(tmp_path / 'd.png', np.full((16, 32), 257, np.uint16))
    results = dict(image(), disparity_path=path)
    with pytest.raises(UserError, match='a/1.*camera'):
        LoadStereoDepth()(dict(results))
    with pytest.raises(UserError, match='a.json: .*extrinsic.baseline'):
        LoadStereoDepth()(dict(results, file_camera=CAMERA))


def test_stereo_depth_of_another_view(tmp_path):
    path = write(tmp_path / 'd.png', np.full((12, 32), 257, np.uint16))
    results = dict(image(), disparity_path=path, file_camera=CAMERA)
    with pytest.raises(UserError, match='a.json: .*32x16 .*d.png .*32x12'):
        LoadStereoDepth(baseline=0.5)(results)


def test_depth_map_and_keep_size(tmp_path):
    path = write(tmp_path / 'd.png', np.full((24, 48), 256 * 3 + 128, np.uint16))
    results = LoadDepthMap()(dict(image(), depth_path=path))
    assert results['gt_depth_map'].shape == (16, 32)
    assert (results['gt_depth_map'] == 3.5).all()
    results = LoadDepthMap(keep_size=True)(dict(image(), depth_path=path))
    assert results['gt_depth_map'].shape == (24, 48)
    assert results['unmoved_fields'] == ['gt_depth_map']
    assert 'depth_fields' not in results


def test_sde_disparity(tmp_path):
    path = write(tmp_path / 'd.png', np.array([[0, 65535], [0, 65535]], np.uint16))
    results = LoadSDEDisparity()(dict(image((2, 4)), sde_disparity_path=path))
    assert np.allclose(results['disparity_map'], [[0, 0.25, 0.75, 1]] * 2)
    assert results['depth_fields'] == ['disparity_map']


@pytest.fixture
def labels(tmp_path):
    """A folder of depth labels as tools/generate_depth.py makes it."""
    store = DepthLabelStore(tmp_path / 'labels')
    (tmp_path / 'sde.pth').write_bytes(b'weights')
    store.begin(tmp_path / 'sde.pth', {})
    for img_id in ('a/1', 'a/2'):
        store.write(img_id, np.ones((16, 32), np.float32))
    store.flush(complete=True)
    return store


def test_sde_disparity_from_a_folder_of_its_own(labels):
    loader = LoadSDEDisparity(root=str(labels.root))
    results = loader(dict(image(), img_id='a/1', sde_disparity_path='elsewhere.png'))
    assert (results['disparity_map'] == 1).all()


def test_folder_of_its_own_is_verified(labels, tmp_path):
    loader = LoadSDEDisparity(root=str(labels.root))
    with pytest.raises(DepthLabelError, match='a/3'):
        loader(dict(image(), img_id='a/3'))
    write(labels.path('a/2'), np.zeros((16, 32), np.uint16))  # another one's label
    with pytest.raises(DepthLabelError, match='a/2'):
        loader(dict(image(), img_id='a/2'))
    labels.flush(complete=False)
    with pytest.raises(DepthLabelError, match='/labels: .*2 .*generate_depth.py'):
        loader(image())
    labels.flush(complete=True)
    loader(image())
    (tmp_path / 'sde.pth').write_bytes(b'other weights')
    loader(image())  # checked before, once per process
    labels.flush(complete=True)
    with pytest.raises(DepthLabelError, match='sde.pth has changed'):
        loader(image())
    with pytest.raises(DepthLabelError, match='/none: .*manifest.json'):
        LoadSDEDisparity(root=str(tmp_path / 'none'))(image())


def test_manifest_is_read_once(labels, monkeypatch):
    loader, reads = LoadSDEDisparity(root=str(labels.root)), []
    load_manifest = DepthLabelStore.load_manifest
    monkeypatch.setattr(
        DepthLabelStore,
        'load_manifest',
        lambda store: reads.append(store) or load_manifest(store),
    )
    for _ in range(3):
        loader(image())
    assert len(reads) == 1


def test_stretched_sde_disparity(tmp_path):
    """As the authors store it: per image from 0 to 1."""
    values = np.array([[1000, 2000], [3000, 5000]], np.uint16)
    path = write(tmp_path / 'd.png', values)
    loader = LoadSDEDisparity(stretch=True, keep_size=True)
    results = loader(dict(image(), sde_disparity_path=path))
    assert results['disparity_map'].dtype == np.float32
    assert results['disparity_map'].tolist() == [[0, 0.25], [0.5, 1]]
    path = write(tmp_path / 'd.png', np.full((2, 2), 7, np.uint16))
    results = loader(dict(image(), sde_disparity_path=path))
    assert (results['disparity_map'] == 0).all()


@pytest.mark.parametrize('kind', ['8 bit', 'truncated', 'missing'])
def test_bad_depth_label(tmp_path, kind):
    path = tmp_path / 'd.png'
    if kind != 'missing':
        dtype = np.uint8 if kind == '8 bit' else np.uint16
        write(path, np.random.default_rng(0).integers(0, 255, (16, 32)).astype(dtype))
    if kind == 'truncated':
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        BrokenFileError, match='Depth label .*d.png .*tools/generate_depth.py'
    ):
        LoadSDEDisparity()(dict(image(), sde_disparity_path=str(path)))


def test_absent_depth_is_left_out():
    for loader in (LoadDepthMap(), LoadStereoDepth(), LoadSDEDisparity()):
        assert set(loader(image())) == set(image())


@pytest.mark.parametrize(
    ('load', 'key'),
    [
        (LoadDepthMap, 'depth_path'),
        (functools.partial(LoadStereoDepth, baseline=0.5), 'disparity_path'),
    ],
)
def test_depth_of_mirrored_images_only_where_asked_for(load, key, tmp_path):
    with pytest.raises(UserError, match='after_flip goes with keep_size'):
        load(after_flip=True)
    stored = np.arange(16 * 32, dtype=np.uint16).reshape(16, 32) + 1
    path = write(tmp_path / 'd.png', stored)

    def loaded(*movers, **options):
        results = dict(image(), file_camera=CAMERA, **{key: path})
        for mover in movers:
            mark_moved(results, mover)
        return load(keep_size=True, **options)(results)['gt_depth_map']

    assert np.array_equal(loaded('RandomFlip', after_flip=True), loaded())
    with pytest.raises(UserError, match='RandomFlip'):
        loaded('RandomFlip')
    # the crop counts, also behind a flip
    for movers in (['RandomCrop'], ['RandomFlip', 'RandomCrop'], ['RandomFlip', 'Pad']):
        with pytest.raises(UserError, match=movers[-1]):
            loaded(*movers, after_flip=True)
