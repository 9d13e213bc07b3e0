"""Labels of clips: classes of the config, subsets, files that do not fit."""

import numpy as np
import pytest
from helpers.field_data import write_file
from helpers.images import encode, write_image

from mmdepthseg.datasets import ClipDataset
from mmdepthseg.utils.errors import UserError

DEPTH = dict(type='LoadDepthMap')
LABELS = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]
CLASSES = dict(classes=('road', 'car'))


def build(root, **kwargs):
    return ClipDataset(data_root=str(root), pipeline=[LABELS[0], DEPTH], **kwargs)


def labelled(root, *names, value=1):
    for name in names:
        label = np.full((12, 20), value, np.uint8)
        label[0] = 255
        write_image(root / f'{name}.png', label)


def test_own_classes(clip_root):
    labelled(clip_root, 'a/labels/001', 'b/labels/002')
    dataset = ClipDataset(
        data_root=str(clip_root),
        pipeline=LABELS,
        metainfo=CLASSES,
        labeled_subset=dict(),
    )
    assert [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))] == [
        'a/001',
        'b/002',
    ]
    sample = dataset[0]
    assert set(np.unique(sample['gt_seg_map'])) == {1, 255}
    assert dataset.metainfo['classes'] == CLASSES['classes']
    assert len(dataset.metainfo['palette']) == 2


@pytest.mark.parametrize(
    'mode, total, with_label', [('keep', 2, 2), ('mark', 7, 2), ('exclude', 5, 0)]
)
def test_all_labelled_frames_as_subset(mode, total, with_label, clip_root):
    labelled(clip_root, 'a/labels/001', 'b/labels/002')
    dataset = build(
        clip_root, metainfo=CLASSES, labeled_subset=dict(), subset_mode=mode
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert len(infos) == total
    assert sum(info['is_labeled'] for info in infos) == with_label


def test_chosen_frames_by_a_list(clip_root, tmp_path):
    labelled(clip_root, 'a/labels/001', 'a/labels/003', 'b/labels/002')
    names = tmp_path / 'budget_2.txt'
    names.write_text('b/002\na/003\n')
    dataset = build(
        clip_root,
        metainfo=CLASSES,
        require_labels=True,
        labeled_subset=dict(ann_file=str(names)),
    )
    assert [dataset.get_data_info(i)['img_id'] for i in range(2)] == ['a/003', 'b/002']
    dataset = build(
        clip_root,
        metainfo=CLASSES,
        labeled_subset=dict(ann_file=str(names)),
        subset_mode='mark',
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [i['img_id'] for i in infos if i['is_labeled']] == ['a/003', 'b/002']
    names.write_text('b/001\n')
    with pytest.raises(UserError, match=r'\{clip\}/labels .*b/001'):
        build(
            clip_root,
            metainfo=CLASSES,
            require_labels=True,
            labeled_subset=dict(ann_file=str(names)),
        )


def test_random_subsets_are_of_labelled_frames(clip_root):
    """Few frames of a clip have a label; without any, such as for depth, of all."""
    drawn = dict(labeled_subset=dict(n=2, seed=7))
    assert len(build(clip_root, **drawn)) == 2
    names = ['a/001', 'a/003', 'b/002']
    labelled(clip_root, 'a/labels/001', 'a/labels/003', 'b/labels/002')
    given = dict(metainfo=CLASSES, require_labels=True)
    chosen = [names[i] for i in sorted(np.random.RandomState(7).permutation(3)[:2])]
    kept = build(clip_root, **drawn, **given)
    assert [kept.get_data_info(i)['img_id'] for i in range(len(kept))] == chosen
    marked = build(clip_root, **drawn, **given, subset_mode='mark')
    infos = [marked.get_data_info(i) for i in range(len(marked))]
    assert len(infos) == 7
    assert [info['img_id'] for info in infos if info['is_labeled']] == chosen
    with pytest.raises(UserError, match='n=4 of the 3 samples that have a label'):
        build(clip_root, **given, labeled_subset=dict(n=4, seed=7))


@pytest.mark.parametrize('start', [b'', b'\xef\xbb\xbf'])
@pytest.mark.parametrize('end', [b'\n', b'\r\n', b'\r\n\r\n'])
def test_classes_in_a_file(start, end, clip_root, tmp_path):
    file = tmp_path / 'classes.txt'
    file.write_bytes(start + 'Stra\u00dfe'.encode() + end + b'car' + end)
    metainfo = dict(classes=str(file))
    dataset = ClipDataset(data_root=str(clip_root), metainfo=metainfo)
    assert dataset.metainfo['classes'] == ['Stra\u00dfe', 'car']


def test_a_class_is_named_once(clip_root):
    metainfo = dict(classes=('road', 'car', 'road'))
    with pytest.raises(UserError, match="ClipDataset: metainfo: .*'road'"):
        ClipDataset(data_root=str(clip_root), metainfo=metainfo)


def test_without_classes_labels_are_not_looked_at(clip_root):
    labelled(clip_root, 'a/labels/nothing')
    dataset = build(clip_root)
    assert not any(dataset.get_data_info(i)['is_labeled'] for i in range(len(dataset)))


def test_suffixes_of_maps_in_any_case(clip_root):
    labelled(clip_root, 'a/labels/001', 'a/labels/002')
    (clip_root / 'a/labels/001.png').rename(clip_root / 'a/labels/001.PNG')
    depth = np.full((12, 20), 256, np.uint16)
    write_image(clip_root / 'a/depth/001.png', depth)
    (clip_root / 'a/depth/001.png').rename(clip_root / 'a/depth/001.PnG')
    given = dict(clips=['a'], metainfo=CLASSES, depth_dir='{clip}/depth')
    dataset = ClipDataset(data_root=str(clip_root), pipeline=[*LABELS, DEPTH], **given)
    assert ['gt_seg_map' in dataset[i] for i in range(4)] == [False, True, True, False]
    assert ['gt_depth_map' in dataset[i] for i in range(4)] == [
        False,
        True,
        False,
        False,
    ]
    labelled(clip_root, 'a/labels/001')
    with pytest.raises(UserError, match='labels holds 001.PNG and 001.png'):
        build(clip_root, **given)


def test_loader_that_knows_no_label_table(clip_root):
    steps = [LABELS[0], dict(type='LoadAnnotations')]
    with pytest.raises(UserError, match='LoadAnnotations.*LoadSegLabel'):
        ClipDataset(data_root=str(clip_root), pipeline=steps)


TABLES = {
    'ids': {7: 0, 26: 1, 0: 255},
    'colours': {'#804080': 0, '#00008e': 1, '#000000': 255},
}


def write_stored(clip_root, kind):
    """A label of a road, a car and void; returns the class indices."""
    expected = np.zeros((12, 20), np.uint8)
    expected[6:], expected[0] = 1, 255
    entries = {index: value for value, index in TABLES[kind].items()}
    stored = np.zeros((12, 20, 3), np.uint8)
    for index, value in entries.items():
        rgb = bytes.fromhex(value[1:]) if kind == 'colours' else [value] * 3
        stored[expected == index] = [*rgb]
    stored = stored if kind == 'colours' else stored[..., 0]
    write_file(clip_root / 'a/labels/001.png', encode(stored))
    return expected


@pytest.mark.parametrize('kind', TABLES)
def test_what_label_files_hold(kind, clip_root):
    expected = write_stored(clip_root, kind)
    given = dict(pipeline=LABELS, metainfo=CLASSES, labeled_subset=dict())
    root = str(clip_root)
    dataset = ClipDataset(data_root=root, label_table=TABLES[kind], **given)
    assert np.array_equal(dataset[0]['gt_seg_map'], expected)
    with pytest.raises(UserError, match='001.png.*label_table'):
        ClipDataset(data_root=root, **given)[0]


def test_tables_of_clips(clip_root):
    """As of other data sets: a name may bring classes, all need a name."""
    labelled(clip_root, 'a/labels/001', value=26)
    dataset = ClipDataset(
        data_root=str(clip_root),
        pipeline=LABELS,
        label_table='cityscapes_label_ids',
        labeled_subset=dict(),
    )
    assert dataset.metainfo['classes'][13] == 'car'
    assert {*np.unique(dataset[0]['gt_seg_map'])} == {13, 255}
    with pytest.raises(UserError, match='highest class is 2, .* names 2 classes'):
        build(clip_root, metainfo=CLASSES, label_table={7: 2})
    with pytest.raises(UserError, match='reduce_zero_label'):
        build(clip_root, metainfo=CLASSES, label_table={7: 1}, reduce_zero_label=True)


def test_bad_labels(clip_root):
    with pytest.raises(
        UserError,
        match=r'labeled_subset=dict\(\).*\{clip\}/labels.*2 classes',
    ):
        build(clip_root, metainfo=CLASSES, labeled_subset=dict())
    labelled(clip_root, 'a/labels/frame1')
    with pytest.raises(UserError, match='a/labels .*frame1.*000.png'):
        build(clip_root, metainfo=CLASSES)
    (clip_root / 'a/labels/frame1.png').unlink()
    labelled(clip_root, 'a/labels/001', value=2)
    dataset = ClipDataset(data_root=str(clip_root), pipeline=LABELS, metainfo=CLASSES)
    with pytest.raises(ValueError, match='001.png'):
        dataset[1]
    with pytest.raises(ValueError, match="labeled_subset .*not 'every'"):
        build(clip_root, metainfo=CLASSES, labeled_subset='every')
