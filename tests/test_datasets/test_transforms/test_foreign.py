"""Transforms of other packages refuse what they would leave behind."""

import pytest
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, DefaultScope

from mmdepthseg.datasets import CityscapesSequenceDataset
from mmdepthseg.datasets.transforms.foreign import check_pipeline
from mmdepthseg.utils.errors import UserError

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
#: What a pipeline may load, and how the message calls it.
LOADERS = {
    'neighbouring frames': dict(type='LoadAdjacentFrames'),
    'a camera': dict(type='LoadCamera'),
    'disparity_map': dict(type='LoadSDEDisparity'),
    'gt_depth_map': dict(type='LoadDepthMap', keep_size=True),
    'gt_poses': dict(type='LoadPoses'),
    'gt_seg_map at its own size': dict(type='LoadSegLabel', evaluate_at='label'),
}
LABEL = dict(type='LoadSegLabel')


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


def check(*steps):
    check_pipeline(Compose(steps), 'ClipDataset')


def name_of(step):
    if step['type'] == 'RandomApply':
        return 'RandomCrop'
    return 'Resize' if step['type'] == 'RandomResize' else step['type'].split('.')[-1]


@pytest.mark.parametrize('part', LOADERS)
@pytest.mark.parametrize('step', MOVING, ids=name_of)
def test_moving_the_image_alone_is_refused(step, part):
    with pytest.raises(UserError) as info:
        check(LABEL, LOADERS[part], step)
    message = str(info.value)
    assert message.startswith(f'ClipDataset: {name_of(step)} ')
    assert f' {part}, ' in message
    assert "default_scope 'mmdepthseg'" in message or 'leave it out' in message


@pytest.mark.parametrize('step', COLOURING, ids=name_of)
def test_colouring_is_refused_beside_neighbours_only(step):
    for steps in (
        [LOADERS['neighbouring frames'], step],
        [step, LOADERS['neighbouring frames']],
    ):
        with pytest.raises(UserError, match='neighbouring frames.*DataPreProcessor'):
            check(*steps)
    check(*(loader for part, loader in LOADERS.items() if part[0] != 'n'), step)


@pytest.mark.parametrize('step', MOVING + COLOURING, ids=name_of)
def test_plain_images_and_labels_pass(step):
    check(LABEL, step)


@pytest.mark.parametrize('part', [*LOADERS, 'gt_seg_map'])
def test_loading_after_what_moved_is_refused_and_after_resizing_not(part):
    loader = LOADERS.get(part, LABEL)
    with pytest.raises(UserError, match=f'RandomRotate .*{part}'):
        check(MOVING[0], loader)
    check(dict(type='mmcv.Resize', scale=(8, 4)), loader)


def test_ours_and_what_uses_ours_are_fine():
    check(
        *LOADERS.values(),
        dict(type='ResizeShortestEdge', scale=8, max_size=99),
        dict(type='RandomFlip', prob=1.0),
    )


def test_data_sets_check_their_pipelines(cityscapes_root):
    options = dict(
        data_root=str(cityscapes_root),
        split='train',
        frames='sequence',
        offsets=(-1, 1),
    )
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAdjacentFrames'),
        dict(type='mmseg.RandomFlip', prob=1.0),
    ]
    with pytest.raises(UserError, match='^CityscapesSequenceDataset: RandomFlip '):
        CityscapesSequenceDataset(**options, pipeline=steps)
    mosaic = dict(type='RandomMosaic', prob=1.0, img_scale=(8, 8))

    def wrapped(loaded):
        dataset = dict(options, type='CityscapesSequenceDataset', pipeline=loaded)
        return dict(type='MultiImageMixDataset', dataset=dataset, pipeline=[mosaic])

    DATASETS.build(wrapped(steps[:1]))
    with pytest.raises(UserError, match='^MultiImageMixDataset: RandomMosaic '):
        DATASETS.build(wrapped(steps[:2]))
