import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.datasets import CamVidDataset
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.utils.errors import UserError

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]


@pytest.fixture
def root(tmp_path):
    for stem in ('0001', '0002'):
        write_image(tmp_path / f'train/{stem}.jpg', np.zeros((6, 8, 3), np.uint8))
    label = np.arange(12, dtype=np.uint8).repeat(4).reshape(6, 8)
    write_image(tmp_path / 'trainannot/0001.png', label)
    return tmp_path


def test_labels_are_optional_and_11_is_ignored(root):
    dataset = CamVidDataset(
        data_root=str(root),
        pipeline=LOAD,
        sde_disparity_dir='sde',
        check_depth_labels=False,
    )
    labels = dataset[0]['gt_seg_map']
    assert np.unique(labels).tolist() == [*range(11), 255]
    assert 'gt_seg_map' not in dataset[1]
    assert dataset.get_data_info(1)['sde_disparity_path'] == f'{root}/sde/0002.png'
    assert len(dataset.metainfo['classes']) == len(dataset.metainfo['palette']) == 11


def test_ann_file_below_the_root(root):
    (root / 'train.txt').write_text('0002\n')
    assert (
        len(
            CamVidDataset(
                data_root=str(root), labeled_subset=dict(ann_file='train.txt')
            )
        )
        == 1
    )


def test_no_neighbours_and_empty_split(root):
    with pytest.raises(UserError, match='CamVidDataset.*offsets'):
        CamVidDataset(data_root=str(root), offsets=(1,))
    with pytest.raises(UserError, match=r"'val'.*/val .*\*\.jpg"):
        CamVidDataset(data_root=str(root), split='val')


def test_suffixes_in_any_case(root):
    (root / 'train/0002.jpg').rename(root / 'train/0002.JPG')
    label = root / 'trainannot/0001.png'
    label.rename(label.with_suffix('.Png'))
    dataset = CamVidDataset(data_root=str(root), pipeline=LOAD)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['img_id'] for info in infos] == ['0001', '0002']
    assert [info['is_labeled'] for info in infos] == [True, False]
    assert dataset[0]['gt_seg_map'].shape == (6, 8)
    write_image(label, np.zeros((6, 8), np.uint8))
    with pytest.raises(UserError, match='trainannot holds 0001.Png and 0001.png'):
        CamVidDataset(data_root=str(root))


@pytest.mark.parametrize('place', ['train/0003.png', 'trainannot/0002.bmp'])
def test_images_that_are_not_read_are_named(root, place):
    (root / place).touch()
    with pytest.warns(UserWarning, match=place.rpartition('/')[2]):
        assert len(CamVidDataset(data_root=str(root))) == 2


def test_unknown_prefix_is_refused(root):
    with pytest.raises(ValueError, match="data_prefix.*img_pathh.*'img_path'"):
        CamVidDataset(data_root=str(root), data_prefix=dict(img_pathh='train'))


def test_parent_of_a_linked_root_is_the_written_one(root, tmp_path_factory):
    links = tmp_path_factory.mktemp('links')
    (links / 'camvid').symlink_to(root, target_is_directory=True)
    write_image(links / 'labels/0001.png', np.zeros((6, 8), np.uint8))
    dataset = CamVidDataset(
        data_root=str(links / 'camvid'),
        sde_disparity_dir='../sde',
        data_prefix=dict(seg_map_path='../labels'),
        check_depth_labels=False,
    )
    info = dataset.get_data_info(0)
    assert info['seg_map_path'] == f'{links}/labels/0001.png'
    assert info['sde_disparity_path'] == f'{links}/sde/0001.png'


def test_some_of_the_classes_listed_later(root):
    names = CamVidDataset.METAINFO['classes'][:2]
    options = dict(data_root=str(root), pipeline=LOAD, metainfo=dict(classes=names))
    later = CamVidDataset(**options, lazy_init=True)
    later.full_init()
    now = CamVidDataset(**options)
    assert later.get_data_info(0) == now.get_data_info(0)


@pytest.mark.parametrize('name', ['p', 'png', 'ng'])
def test_depth_labels_of_an_image_that_is_called_like_their_suffix(root, name):
    (root / 'train/0001.jpg').rename(root / f'train/{name}.jpg')
    (root / 'trainannot/0001.png').rename(root / f'trainannot/{name}.png')
    store = DepthLabelStore(root / 'sde')
    (root / 'network.pth').touch()
    store.begin(root / 'network.pth', {})
    store.write(name, np.zeros((6, 8)), str(root / f'train/{name}.jpg'))
    store.flush(complete=True)
    (root / 'names.txt').write_text(f'{name}\n')
    options = dict(data_root=str(root), pipeline=LOAD, sde_disparity_dir='sde')
    subset = dict(ann_file=str(root / 'names.txt'))
    dataset = CamVidDataset(**options, labeled_subset=subset)
    assert dataset.get_data_info(0)['sde_disparity_path'] == f'{root}/sde/{name}.png'
