import mmcv.transforms
import numpy as np
import pytest
import torch

from mmdepthseg.datasets.transforms import PackDepthSegInputs, Resize
from mmdepthseg.geometry import Camera
from mmdepthseg.utils.errors import UserError


def make_results():
    image = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    return dict(
        img=image,
        adjacent=[image, image[::-1]],
        adjacent_offsets=(-1, 1),
        img_path='a.png',
        img_id='a/1',
        ori_shape=(8, 12),
        img_shape=(8, 12),
        camera=Camera(np.eye(3), (8, 12)),
        is_labeled=True,
        branch='mix',
        gt_seg_map=np.full((8, 12), 255, np.uint8),
        seg_fields=['gt_seg_map'],
        gt_depth_map=np.ones((8, 12), np.float32),
        depth_fields=['gt_depth_map'],
    )


def test_everything_packed():
    packed = PackDepthSegInputs()(make_results())
    image = make_results()['img']
    assert packed['inputs']['img'].dtype == torch.uint8
    assert np.array_equal(packed['inputs']['img'], image.transpose(2, 0, 1))
    assert packed['inputs']['img'].is_contiguous()
    assert np.array_equal(
        packed['inputs']['adjacent'][1], image[::-1].transpose(2, 0, 1)
    )
    sample = packed['data_samples']
    assert sample.gt_sem_seg.data.shape == (1, 8, 12)
    assert sample.gt_depth_map.data.dtype == torch.float32
    assert 'disparity_map' not in sample
    meta = sample.metainfo
    assert meta['adjacent_offsets'] == (-1, 1) and meta['branch'] == 'mix'
    assert meta['is_labeled'] and meta['img_id'] == 'a/1'
    assert np.array_equal(meta['camera'].K, np.eye(3))


@pytest.mark.parametrize(
    ('rows', 'columns', 'margins'),
    [((0, 6), (0, 12), (0, 0, 0, 2)), ((1, 8), (2, 9), (2, 3, 1, 0))],
)
def test_margins_of_padding(rows, columns, margins):
    shown = np.zeros((8, 12), np.uint8)
    shown[slice(*rows), slice(*columns)] = 1
    results = dict(make_results(), shown=shown)
    sample = PackDepthSegInputs(meta_keys=())(results)['data_samples']
    assert sample.metainfo['padding_size'] == margins


def test_a_sample_that_is_all_padding():
    results = dict(make_results(), shown=np.zeros((8, 12), np.uint8))
    padding = PackDepthSegInputs()(results)['data_samples'].padding_size
    assert padding == (0, 12, 0, 8)


def test_an_image_decoded_smaller_is_resized_first():
    with pytest.raises(UserError, match='a/1.*1/4.*min_size.*Resize'):
        PackDepthSegInputs()(dict(make_results(), reduction=4))


def test_image_alone():
    packed = PackDepthSegInputs()(
        dict(
            img=np.zeros((4, 4, 3), np.uint8),
            adjacent_offsets=(1,),
            file_camera=Camera(np.eye(3), (8, 8)),
        )
    )
    assert packed['inputs']['adjacent'] is None
    assert set(packed['inputs']) == {'img', 'adjacent'}
    assert set(packed['data_samples'].metainfo) == set()


def test_foreign_resize_is_noticed():
    results = mmcv.transforms.Resize(scale=(6, 4))(make_results())
    del results['adjacent']
    results.update(seg_fields=[], depth_fields=[])
    with pytest.raises(ValueError, match='a/1: .*6x4.*camera.*12x8'):
        PackDepthSegInputs()(results)


def test_foreign_resize_leaves_neighbours_behind():
    results = mmcv.transforms.Resize(scale=(6, 4))(make_results())
    with pytest.raises(ValueError, match='6x4.* 12x8'):
        PackDepthSegInputs()(results)


def test_our_resize_is_fine():
    packed = PackDepthSegInputs()(Resize(scale=(6, 4))(make_results()))
    assert packed['inputs']['adjacent'].shape == (2, 3, 4, 6)
