import logging
import re
import shutil

import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.cityscapes import train_id_table
from mmdepthseg.datasets import CityscapesSequenceDataset, cityscapes_sequence
from mmdepthseg.datasets.cityscapes_sequence import nearest_number
from mmdepthseg.utils.errors import UserError

LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadSegLabel'),
    dict(type='LoadStereoDepth'),
]


def build(root, **kwargs):
    return CityscapesSequenceDataset(data_root=str(root), **kwargs)


def test_annotated_frames_with_everything(cityscapes_root):
    dataset = build(
        cityscapes_root,
        offsets=(-1, 1),
        pipeline=LOAD,
        default_camera=dict(
            K=[[20.0, 0, 9], [0, 20.0, 5], [0, 0, 1]], width=32, height=16
        ),
    )
    assert len(dataset) == 4
    assert dataset.get_data_info(0)['img_id'] == 'aachen/aachen_000000_000002'
    sample = dataset[0]
    assert [frame[0, 0, 0] for frame in sample['adjacent']] == [1, 3]
    assert sample['is_labeled']
    # labelIds 7, 26, 3 -> road, car, ignore
    assert sample['gt_seg_map'][15, 3] == 0 and sample['gt_seg_map'][2, 3] == 13
    assert sample['gt_seg_map'][0, 0] == 255
    assert sample['camera'].K[0].tolist() == [30.0, 0.0, 17.0]
    assert np.allclose(sample['gt_depth_map'], 0.2 * 30)
    other = dataset.get_data_info(1)
    assert not other['is_labeled'] and other['file_camera'].fx == 20.0


def test_nothing_but_images_is_needed(cityscapes_root):
    for folder in ('gtFine', 'camera', 'disparity', 'leftImg8bit_sequence'):
        shutil.rmtree(cityscapes_root / folder)
    sample = build(cityscapes_root, pipeline=LOAD)[0]
    assert sample['img'].shape == (16, 32, 3) and not sample['is_labeled']
    assert not {'gt_seg_map', 'camera', 'gt_depth_map', 'adjacent'} & set(sample)


def test_suffixes_in_any_case(cityscapes_root):
    expected = build(cityscapes_root, offsets=(-1, 1), pipeline=LOAD)[0]
    for path in cityscapes_root.rglob('aachen_000000_*'):
        path.rename(path.with_suffix(path.suffix.upper()))
    found = build(cityscapes_root, offsets=(-1, 1), pipeline=LOAD)[0]
    assert found['img_path'].endswith('.PNG')
    for key in ('img', 'adjacent', 'gt_seg_map', 'gt_depth_map'):
        assert np.array_equal(found[key], expected[key])
    assert np.array_equal(found['camera'].K, expected['camera'].K)
    label = next(cityscapes_root.rglob('*labelIds.PNG'))
    shutil.copy(label, label.with_suffix('.png'))
    with pytest.raises(UserError, match=f'{label.name} and {label.stem}.png'):
        build(cityscapes_root)


@pytest.mark.parametrize(
    'name',
    [
        'leftImg8bit/train/aachen/aachen_000009_000000_leftImg8bit.jpg',
        'leftImg8bit/train/aachen/aachen_000009_000000.png',
        'leftImg8bit_sequence/train/aachen/aachen_000009_000000_leftImg8bit.webp',
        'gtFine/train/aachen/aachen_000000_000002_gtFine_labelIds.tif',
        'disparity/train/bochum/bochum_000000_000003_disparity.tiff',
    ],
)
def test_images_that_are_not_read_are_named(cityscapes_root, name, user_warnings):
    (cityscapes_root / name).touch()
    (cityscapes_root / 'gtFine/train/aachen/aachen_x_gtFine_color.png').touch()
    build(cityscapes_root, offsets=(1,))
    (message,) = {*user_warnings()}
    assert name.rpartition('/')[2] in message


def test_all_frames_take_the_nearest_camera(cityscapes_root):
    dataset = build(cityscapes_root, frames='sequence', offsets=(-2, 1))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [i['img_id'][-6:] for i in infos] == ['000002', '000003'] * 4
    cameras = [i.get('camera_path', '')[-31:] for i in infos[:3]]
    assert cameras == ['aachen_000000_000002_camera.json'[-31:]] * 2 + ['']
    folder = cityscapes_root / 'camera/train/aachen'
    name = folder / 'aachen_000000_2_camera.json'
    (folder / 'aachen_000000_000002_camera.json').rename(name)
    again = build(cityscapes_root, frames='sequence', offsets=(-2, 1))
    assert again.get_data_info(0)['camera_path'] == str(name)
    # images of annotated frames come from the sequence folder, labels from gtFine
    assert [i['is_labeled'] for i in infos[:3]] == [True, False, False]


def test_frames_that_take_the_default_camera_are_told(cityscapes_root, monkeypatch):
    lines = []
    monkeypatch.setattr(
        cityscapes_sequence,
        'print_log',
        lambda text, level, **options: lines.append((level, text)),
    )
    camera = dict(K=[[20.0, 0, 9], [0, 20.0, 5], [0, 0, 1]], width=32, height=16)
    build(cityscapes_root, default_camera=camera)
    level, text = lines[0]
    assert re.search('2 of 4 frames have no camera file.*default_camera', text)
    assert level == logging.INFO
    shutil.rmtree(cityscapes_root / 'camera')
    build(cityscapes_root, default_camera=camera)
    assert lines[1][0] == logging.WARNING and '4 of 4 frames' in lines[1][1]


def test_missing_neighbour(cityscapes_root, caplog):
    missing = 'aachen/aachen_000001_000003_leftImg8bit.png'
    (cityscapes_root / 'leftImg8bit_sequence/train' / missing).unlink()
    assert len(build(cityscapes_root, offsets=(-1, 1))) == 3
    with pytest.raises(UserError, match='aachen_000001_000002 lacks') as info:
        build(cityscapes_root, offsets=(-1, 1), missing_neighbours='error')
    assert missing in str(info.value)
    with pytest.raises(UserError, match='4 of 4 frames'):
        build(cityscapes_root, offsets=(-9,))


def test_empty_split(cityscapes_root):
    with pytest.raises(UserError, match="'val'.*val/<city>/"):
        build(cityscapes_root, split='val')
    with pytest.raises(UserError, match=r'\*\.jpg'):
        build(cityscapes_root, img_suffix='.jpg')


@pytest.mark.parametrize(
    'mode, count, labels',
    [
        ('keep', 1, ['bochum/bochum_000000_000002']),
        ('mark', 4, ['bochum/bochum_000000_000002']),
        ('exclude', 3, []),
    ],
)
def test_subset_modes(cityscapes_root, tmp_path, mode, count, labels):
    (tmp_path / 'list.txt').write_text('2 bochum/bochum_000000_000002\n')
    dataset = build(
        cityscapes_root,
        labeled_subset=dict(ann_file=str(tmp_path / 'list.txt')),
        subset_mode=mode,
        branch='mix',
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert len(infos) == count and {i['branch'] for i in infos} == {'mix'}
    assert [i['img_id'] for i in infos if i['is_labeled']] == labels
    assert sum('seg_map_path' in i for i in infos) == len(labels)


def test_subset_by_seed_and_by_first_of_list(cityscapes_root, tmp_path):
    dataset = build(cityscapes_root, labeled_subset=dict(n=2, seed=7))
    chosen = sorted(np.random.RandomState(7).permutation(4)[:2])
    everything = build(cityscapes_root)
    assert [dataset.get_data_info(i)['img_id'] for i in range(2)] == [
        everything.get_data_info(i)['img_id'] for i in chosen
    ]
    path = tmp_path / 'plan.txt'
    path.write_text('bochum_000001_000002\naachen_000000_000002\n')
    first = build(cityscapes_root, labeled_subset=dict(ann_file=str(path), n=1))
    assert len(first) == 1
    assert first.get_data_info(0)['img_id'] == 'bochum/bochum_000001_000002'


def test_subset_errors(cityscapes_root, tmp_path):
    with pytest.raises(ValueError, match='n=5 of 4'):
        build(cityscapes_root, labeled_subset=dict(n=5, seed=1))
    with pytest.raises(ValueError, match="labeled_subset .*'sed'"):
        build(cityscapes_root, labeled_subset=dict(n=1, sed=1))
    (tmp_path / 'list.txt').write_text('aachen/nobody\n')
    with pytest.raises(ValueError, match='list.txt.*aachen/nobody'):
        build(cityscapes_root, labeled_subset=dict(ann_file=str(tmp_path / 'list.txt')))
    with pytest.raises(UserError, match='labeled_subset.*list.txt'):
        build(cityscapes_root, ann_file='list.txt')
    for wrong in (dict(n=1), dict(seed=1), dict(ann_file='x', n=1, seed=1)):
        with pytest.raises(UserError, match='labeled_subset'):
            build(cityscapes_root, labeled_subset=wrong)
    with pytest.raises(UserError, match='2 of 4'):
        build(cityscapes_root, require_labels=True)


def test_base_dataset_options(cityscapes_root):
    assert len(build(cityscapes_root, indices=2)) == 2
    assert len(build(cityscapes_root, indices=[3], serialize_data=False)) == 1
    lazy = build(cityscapes_root, lazy_init=True)
    lazy.full_init()
    assert len(lazy) == 4


def test_sde_labels_are_promised(cityscapes_root):
    dataset = build(
        cityscapes_root,
        data_prefix=dict(sde_disparity_path='sde/{split}'),
        check_depth_labels=False,
    )
    path = dataset.get_data_info(0)['sde_disparity_path']
    assert path == f'{cityscapes_root}/sde/train/aachen/aachen_000000_000002.png'


def test_custom_classes_map_the_train_ids(cityscapes_root):
    dataset = build(
        cityscapes_root,
        metainfo=dict(classes=('car', 'road')),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')],
    )
    label = dataset[0]['gt_seg_map']
    assert label[15, 3] == 1 and label[2, 3] == 0 and label[0, 0] == 255
    assert dataset.metainfo['palette'] == [[0, 0, 142], [128, 64, 128]]


def relabel(root, ids, name='labelIds'):
    """Store ids as the label of the first frame; the pipeline's part that reads it."""
    folder = root / 'gtFine/train/aachen'
    label = np.resize(np.array(ids, np.uint8), (16, 32))
    write_image(folder / f'aachen_000000_000002_gtFine_{name}.png', label)
    return dict(pipeline=[LOAD[0], LOAD[3]])


def test_labels_without_an_image(cityscapes_root, said):
    build(cityscapes_root)
    assert not any('belong to no image' in line for line in said)
    stem = 'train/bochum/bochum_000000_000002'
    (cityscapes_root / f'leftImg8bit/{stem}_leftImg8bit.png').unlink()
    assert len(build(cityscapes_root)) == 3
    log = said[1]
    assert '1 of 2 labels' in log and 'bochum_000000_000002' in log


@pytest.mark.parametrize('ids', [[0, 13, 10, 255], [18, 255]])
def test_train_ids_in_a_file_of_label_ids(ids, cityscapes_root):
    with pytest.raises(
        UserError, match='aachen_000000_000002_gtFine_labelIds.png.*labelTrainIds.png'
    ):
        build(cityscapes_root, **relabel(cityscapes_root, ids))[0]


@pytest.mark.parametrize(
    'ids', [[*range(34)], [1, 3, 7, 11], [0], [255], [0, 7, 26, 255]]
)
def test_files_that_may_be_of_label_ids(ids, cityscapes_root):
    """As released; and with 255 for a licence plate, on a vehicle."""
    label = build(cityscapes_root, **relabel(cityscapes_root, ids))[0]['gt_seg_map']
    assert label.ravel()[: len(ids)].tolist() == [*train_id_table()[ids]]


@pytest.mark.parametrize('suffix', ['_gtFine_labelTrainIds.png', '_labeltrainids.png'])
def test_train_ids_by_their_suffix(suffix, cityscapes_root):
    given = relabel(cityscapes_root, [0, 18, 255], suffix[1:-4].replace('gtFine_', ''))
    if 'gtFine' not in suffix:
        suffix = f'_gtfine{suffix}'
    label = build(cityscapes_root, seg_map_suffix=suffix, **given)[0]['gt_seg_map']
    assert label.ravel()[:3].tolist() == [0, 18, 255]


@pytest.mark.parametrize(
    'suffix', ['_gtFine_trainIds.png', '_gtFine_label_train_ids.png', '_TrainId.png']
)
def test_other_suffixes_of_train_ids(suffix, cityscapes_root):
    with pytest.raises(UserError, match=f'{suffix}.*_gtFine_labelTrainIds.png'):
        build(cityscapes_root, seg_map_suffix=suffix)


@pytest.mark.parametrize('size', [(1024,), (1024, 2048, 3), ('1024', '2048')])
def test_camera_size_is_two_numbers(size, cityscapes_root):
    with pytest.raises(UserError, match='camera_size'):
        build(cityscapes_root, camera_size=size)


def test_wrong_options(cityscapes_root):
    for options in (
        dict(frames='all'),
        dict(reduce_zero_label=True),
        dict(data_prefix=dict(seg='x')),
        dict(offsets=(0, 1)),
        dict(missing_neighbours='ignore'),
        dict(subset_mode='drop'),
    ):
        with pytest.raises(ValueError):
            build(cityscapes_root, **options)


def test_nearest_number():
    assert [nearest_number([3, 9], n) for n in (0, 6, 7, 20)] == [3, 3, 9, 9]
