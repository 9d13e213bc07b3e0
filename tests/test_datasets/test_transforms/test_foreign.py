"""Transforms of other packages refuse what they would leave behind."""

import copy
import pickle

import mmseg.datasets.transforms as mmseg_transforms
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS, DefaultScope

from mmdepthseg.datasets import CityscapesSequenceDataset
from mmdepthseg.datasets.transforms import Resize
from mmdepthseg.datasets.transforms.foreign import guard
from mmdepthseg.geometry import Camera

MOVING = [
    dict(type='RandomRotate', prob=1.0, degree=10.0),
    dict(type='RandomCutOut', prob=1.0, n_holes=1, cutout_shape=(2, 2)),
    dict(type='RandomRotFlip', rotate_prob=1.0, flip_prob=0.0, degree=10),
    dict(type='CenterCrop', crop_size=(8, 8)),
    dict(type='ResizeToMultiple', size_divisor=8),
    dict(type='mmseg.RandomFlip', prob=1.0),
    dict(type='mmcv.Resize', scale=(8, 4)),
    dict(type='mmcv.Pad', size_divisor=32),
    dict(
        type='RandomApply',
        prob=1.0,
        transforms=[dict(type='mmseg.RandomCrop', crop_size=(8, 8))],
    ),
    dict(
        type='RandomResize',
        scale=(20, 20),
        ratio_range=(1.0, 2.0),
        resize_type='mmseg.Resize',
    ),
]
COLOURING = [
    dict(type='PhotoMetricDistortion'),
    dict(type='CLAHE'),
    dict(type='RGB2Gray'),
    dict(type='mmcv.Normalize', mean=[0.0] * 3, std=[1.0] * 3),
]
#: What a sample may hold, and how the message calls it.
EXTRAS = {
    'neighbouring frames': dict(adjacent=[np.zeros((16, 24, 3), np.uint8)]),
    'a camera': dict(camera=Camera(np.eye(3), (16, 24))),
    'disparity_map': dict(
        disparity_map=np.zeros((16, 24), np.float32), depth_fields=['disparity_map']
    ),
    'gt_depth_map': dict(
        gt_depth_map=np.zeros((9, 9), np.float32), unmoved_fields=['gt_depth_map']
    ),
}


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


def sample(**extra):
    return dict(
        img=np.full((16, 24, 3), 90, np.uint8),
        img_shape=(16, 24),
        img_id='a/1',
        ori_shape=(16, 24),
        gt_seg_map=np.zeros((16, 24), np.uint8),
        seg_fields=['gt_seg_map'],
        **copy.deepcopy(extra),
    )


def pipeline(step):
    return guard(Compose([step]))


def name_of(step):
    if step['type'] == 'RandomApply':
        return 'RandomCrop'
    return 'Resize' if step['type'] == 'RandomResize' else step['type'].split('.')[-1]


@pytest.mark.parametrize('extra', EXTRAS)
@pytest.mark.parametrize('step', MOVING, ids=name_of)
def test_moving_the_image_alone_is_refused(step, extra):
    with pytest.raises(ValueError) as info:
        pipeline(step)(sample(**EXTRAS[extra]))
    message = str(info.value)
    assert message.startswith(f'{name_of(step)} of another package')
    assert f'leaves {extra} of sample a/1' in message
    assert ': use ' in message or ': leave it out' in message


@pytest.mark.parametrize('step', COLOURING, ids=name_of)
def test_colouring_is_refused_beside_neighbours_only(step):
    chain = pipeline(step)
    with pytest.raises(ValueError, match='neighbouring frames .*DataPreProcessor'):
        chain(sample(**EXTRAS['neighbouring frames']))
    for extra in ('a camera', 'disparity_map', 'gt_depth_map'):
        assert chain(sample(**EXTRAS[extra])) is not None


@pytest.mark.parametrize('step', MOVING + COLOURING, ids=name_of)
def test_plain_images_and_labels_pass(step):
    results = pipeline(step)(sample())
    assert results['img'].shape[:2] == results['gt_seg_map'].shape
    # a camera that is listed, but not loaded, follows later
    assert pipeline(step)(sample(file_camera=Camera(np.eye(3), (16, 24)))) is not None


def test_transforms_that_use_our_resize_are_fine():
    chain = pipeline(dict(type='ResizeShortestEdge', scale=8, max_size=99))
    results = chain(sample(**EXTRAS['neighbouring frames'], **EXTRAS['a camera']))
    assert results['adjacent'][0].shape == results['img'].shape == (8, 12, 3)
    assert results['camera'].fx == 0.5
    ours = Resize(scale=(8, 8))
    assert guard(ours) is ours and 'transform' not in vars(ours)


def test_loading_after_a_guarded_transform_is_refused():
    results = pipeline(dict(type='RandomRotate', prob=1.0, degree=10.0))(
        sample(adjacent_paths=['x.png'])
    )
    with pytest.raises(ValueError, match='must stand before RandomRotate'):
        Compose([dict(type='LoadAdjacentFrames')])(results)


def test_names_of_our_scope_are_guarded_without_a_pipeline():
    """As wrappers of data sets build them; the class stays the foreign one."""
    mosaic = TRANSFORMS.build(dict(type='RandomMosaic', prob=1.0, img_scale=(8, 8)))
    assert isinstance(mosaic, mmseg_transforms.RandomMosaic)
    with pytest.raises(ValueError, match='RandomMosaic of another package'):
        mosaic(sample(**EXTRAS['a camera'], mix_results=[sample()] * 3))
    assert mosaic(sample(mix_results=[sample()] * 3)) is not None


def test_guards_survive_copies():
    step = pipeline(MOVING[0])
    for other in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert other.transforms[0].transform.args[1] is other.transforms[0]
        with pytest.raises(ValueError, match='RandomRotate of another package'):
            other(sample(**EXTRAS['a camera']))


def test_data_sets_guard_their_pipelines(cityscapes_root):
    data = CityscapesSequenceDataset(
        data_root=str(cityscapes_root),
        split='train',
        frames='sequence',
        offsets=(-1, 1),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAdjacentFrames'),
            dict(type='mmseg.RandomFlip', prob=1.0),
        ],
    )
    with pytest.raises(ValueError, match='RandomFlip .*neighbouring frames of sample'):
        data[0]
