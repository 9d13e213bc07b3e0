"""Options that would be misread without a word: splits without effect, empty texts."""

import numpy as np
import pytest
from helpers import field_data
from helpers.images import write_image

from mmdepthseg.datasets import (
    CamVidDataset,
    CityscapesSequenceDataset,
    ClipDataset,
    ConcatDataset,
    ImageLabelDataset,
    KITTIRawDataset,
)
from mmdepthseg.datasets.options import split_folders
from mmdepthseg.utils.errors import UserError


@pytest.fixture
def root(tmp_path):
    """Images and labels of two splits."""
    for split in ('train', 'val'):
        image, label = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
        write_image(tmp_path / f'images/{split}/{split}_0_1.jpg', image)
        write_image(tmp_path / f'labels/{split}/{split}_0_1.png', label)
    return tmp_path


def names(dataset):
    return [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]


def test_a_split_that_no_folder_uses(root):
    given = dict(data_root=str(root), metainfo=dict(classes=('a', 'b')))
    with pytest.raises(UserError, match=r"split='val'.*img_path='images/\{split\}'"):
        ImageLabelDataset(split='val', **given)
    assert names(ImageLabelDataset(**given)) == ['train/train_0_1', 'val/val_0_1']
    one = dict(img_path='images/{split}')
    folders = dict(given, split='val', data_prefix=dict(one, seg_map_path=None))
    assert names(ImageLabelDataset(**folders)) == ['val_0_1']


@pytest.mark.parametrize('kind', [CamVidDataset, CityscapesSequenceDataset])
def test_the_split_that_none_has_given_may_be_unused(kind, root):
    prefix = dict(img_path='images', seg_map_path=None)
    if kind is CityscapesSequenceDataset:
        prefix |= dict.fromkeys(['sequence_path', 'camera_path', 'disparity_path'])
    given = dict(data_root=str(root), img_suffix='.jpg', data_prefix=prefix)
    assert names(kind(**given)) == ['train/train_0_1', 'val/val_0_1']
    with pytest.raises(UserError, match=f"{kind.__name__}: split='val'"):
        kind(split='val', **given)


def test_folders_of_a_split():
    known = dict(img_path='images/{split}', camera_path='{split}/K', poses_path=None)
    folders = dict(img_path='images/a', camera_path='a/K')
    assert split_folders(known, None, 'a', 'X') == folders
    assert split_folders(known, dict(camera_path=None), 'a', 'X') == dict(
        img_path='images/a'
    )
    with pytest.raises(UserError, match='X.*give split'):
        split_folders(known, None, None, 'X')


@pytest.mark.parametrize(
    'kind, options',
    [
        (ImageLabelDataset, dict(data_root='')),
        (ImageLabelDataset, dict(data_prefix=dict(seg_map_path=''))),
        (ImageLabelDataset, dict(split='')),
        (ImageLabelDataset, dict(sde_disparity_dir='')),
        (ImageLabelDataset, dict(img_suffix='')),
        (ImageLabelDataset, dict(seg_map_suffix=' ')),
        (CamVidDataset, dict(split='')),
        (CityscapesSequenceDataset, dict(split='')),
        (CityscapesSequenceDataset, dict(default_camera='')),
        *(
            (CityscapesSequenceDataset, dict(data_prefix={f'{key}_path': ''}))
            for key in ('seg_map', 'camera', 'disparity', 'poses', 'sde_disparity')
        ),
        *(
            (CityscapesSequenceDataset, {f'{key}_suffix': ''})
            for key in ('img', 'seg_map', 'camera', 'disparity', 'sde_disparity')
        ),
        *(
            (ClipDataset, {key: ''})
            for key in ('data_root', 'frames_dir', 'labels_dir', 'depth_dir')
        ),
        (ClipDataset, dict(depth_dir=dict(a=''))),
        (ClipDataset, dict(sde_disparity_dir='')),
        (ClipDataset, dict(poses_file='')),
        (ClipDataset, dict(intrinsics='')),
        (ClipDataset, dict(img_suffixes=('.png', ''))),
        (ClipDataset, dict(offsets='')),
        (KITTIRawDataset, dict(depth_dir='')),
    ],
)
def test_empty_texts(kind, options, clip_root, cityscapes_root, tmp_path):
    """Each would be taken for an option that has not been given, or for all files."""
    roots = {ClipDataset: clip_root, CityscapesSequenceDataset: cityscapes_root}
    if kind is KITTIRawDataset:
        field_data.kitti_raw(tmp_path / 'kitti')
        roots[kind] = tmp_path / 'kitti'
    else:
        for place in ('images', 'train', '.'):
            write_image(tmp_path / f'{place}/1.jpg', np.zeros((4, 6, 3), np.uint8))
    ((key, value),) = options.items()
    if key == 'data_prefix':
        (key,) = value
    with pytest.raises(UserError, match=rf'{kind.__name__}.*\b{key}=|^{key} must be'):
        kind(**{'data_root': str(roots.get(kind, tmp_path)), **options})


@pytest.mark.parametrize('offsets', ['1', (0.5,), (True,), 1, None])
def test_offsets_are_whole_numbers(offsets, clip_root):
    with pytest.raises(UserError, match='ClipDataset: offsets'):
        ClipDataset(data_root=str(clip_root), offsets=offsets)


@pytest.mark.parametrize('key', ['sources', 'datasets'])
def test_no_parts(key):
    with pytest.raises(UserError, match='ConcatDataset.*empty'):
        ConcatDataset(**{key: {} if key == 'sources' else []})
