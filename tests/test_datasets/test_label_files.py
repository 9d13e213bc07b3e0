"""Which files of images with labels are images, which labels, and which neither."""

import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.datasets import ClipDataset, ImageLabelDataset
from mmdepthseg.utils.errors import UserError

IMAGE, LABEL = np.zeros((12, 20, 3), np.uint8), np.ones((12, 20), np.uint8)
CLASSES = dict(classes=('a', 'b'))


def write(root, images=(), labels=()):
    for name in images:
        write_image(root / name, IMAGE)
    for name in labels:
        write_image(root / name, LABEL)


def build(root, img_path='images', seg_map_path='labels', **options):
    prefix = dict(img_path=img_path, seg_map_path=seg_map_path)
    given = dict(metainfo=CLASSES, img_suffix='.png', data_prefix=prefix)
    return ImageLabelDataset(data_root=str(root), **{**given, **options})


def samples(dataset):
    """Whether each image has a label, by its name."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {info['img_id']: info['is_labeled'] for info in infos}


@pytest.mark.parametrize(
    'img_path, seg_map_path', [('photos', 'photos/masks'), ('', 'masks')]
)
def test_labels_below_the_images(img_path, seg_map_path, tmp_path, user_warnings):
    write(
        tmp_path / img_path,
        ['1.png', '2.png', 'day/3.png'],
        ['masks/1.png', 'masks/day/3.png', 'depth/deep/1.png'],
    )
    given = dict(
        img_path=img_path,
        seg_map_path=seg_map_path,
        sde_disparity_dir=f'./{img_path}/depth/deep',
        check_depth_labels=False,
    )
    expected = {'1': True, '2': False, 'day/3': True}
    assert samples(build(tmp_path, **given)) == expected
    unlabelled = samples(build(tmp_path, metainfo={}, **given))
    assert unlabelled == dict.fromkeys(expected, False)
    assert not user_warnings()


def test_folders_below_are_not_called_left_out(tmp_path, user_warnings):
    write(tmp_path, ['photos/1.jpg'], ['photos/masks/1.png'])
    folders = dict(img_path='photos', seg_map_path='photos/masks')
    assert samples(build(tmp_path, img_suffix='.jpg', **folders)) == {'1': True}
    assert not user_warnings()


def test_images_below_the_labels(tmp_path, said):
    write(tmp_path, ['all/photos/1.png'], ['all/1.png'])
    dataset = build(tmp_path, 'all/photos', 'all')
    assert samples(dataset) == {'1': True}
    assert dataset.get_data_info(0)['seg_map_path'] == f'{tmp_path}/all/1.png'
    assert not any('belong to no image' in line for line in said)


@pytest.mark.parametrize('image, label', [('', '_mask'), ('_photo', '')])
def test_images_and_labels_in_one_folder(image, label, tmp_path, said):
    names = ['1', 'day/2']
    images = [f'all/{name}{image}.png' for name in names]
    write(tmp_path, images, [f'all/{name}{label}.PNG' for name in names])
    ends = dict(img_suffix=f'{image}.png', seg_map_suffix=f'{label}.png')
    assert samples(build(tmp_path, 'all', 'all', **ends)) == dict.fromkeys(names, True)
    assert not any('belong to no image' in line for line in said)


def test_images_that_would_be_their_own_labels(tmp_path, clip_root):
    write(tmp_path / 'flat', ['all/1.png'])
    with pytest.raises(UserError, match='ImageLabelDataset.* 1: give the folder'):
        build(tmp_path / 'flat', 'all', 'all')
    with pytest.raises(UserError, match='ClipDataset.*a/000'):
        ClipDataset(data_root=str(clip_root), labels_dir='frames', metainfo=CLASSES)


IMAGES = [f'images/{i}.png' for i in range(3)]
RENAMED = ['labels/0.png', 'labels/1.png', 'labels/2_mask.png']


def test_labels_without_an_image(tmp_path, said):
    write(tmp_path, IMAGES, RENAMED)
    found = {'0': True, '1': True}
    assert samples(build(tmp_path, labeled_subset=dict())) == found
    log = said[0]
    assert '1 of 3 labels' in log and '(2_mask.png)' in log
    assert '1 of 3 images have no label (2.png)' in log


def test_labels_of_other_images(tmp_path, said):
    """Labels of all splits may lie in one folder; a list may name those to use."""
    write(tmp_path, IMAGES[:2], [name.replace('images', 'labels') for name in IMAGES])
    given = dict(labeled_subset=dict(), require_labels=True)
    assert samples(build(tmp_path, **given)) == {'0': True, '1': True}
    log = said[0]
    assert '1 of 3 labels' in log and 'no label (none)' in log
    write(tmp_path, ['images/9.png'])
    (tmp_path / 'list.txt').write_text('1\n')
    given['labeled_subset'] = dict(ann_file='list.txt')
    assert samples(build(tmp_path, **given)) == {'1': True}


def test_complete_labels_cause_no_warning(tmp_path, said):
    write(tmp_path, IMAGES, [name.replace('images', 'labels') for name in IMAGES[:2]])
    build(tmp_path)
    assert not any('belong to no image' in line for line in said)
