import numpy as np
import pytest
from helpers.field_data import palette_png, write_file
from helpers.images import encode, encode_deep, write_image
from mmengine.config import Config
from PIL import Image

from mmdepthseg.datasets import BrokenFileError, ImageLabelDataset
from mmdepthseg.datasets.label_tables import (
    LABEL_TABLES,
    TABLE_METAINFO,
    VISTAS_NAMES,
    LabelTable,
)
from mmdepthseg.utils.errors import UserError

NO_LABELS = dict(seg_map_path=None)
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]
CLASSES = dict(classes=('road', 'car', 'sky'))
#: Names of the cases of a test: files are long.
SHORT = dict(ids=lambda value: 'file' if isinstance(value, bytes) else None)
COLOURS = {'#804080': 0, '#00008e': 1, '#4682B4': 2, '#000000': 255}
RGB = np.array([[[128, 64, 128], [0, 0, 142]], [[70, 130, 180], [0, 0, 0]]], np.uint8)
IDS = np.array([[7, 26], [23, 0]], np.uint8)
ID_TABLE = {7: 0, 26: 1, 23: 2, 0: 255}
EXPECTED = [[0, 1], [2, 255]]


@pytest.fixture
def build(tmp_path):
    """A data set of an image a/1.jpg, and its label."""
    write_image(tmp_path / 'images/a/1.jpg', np.zeros((2, 2, 3), np.uint8))

    def make(content, table, **options):
        write_file(tmp_path / 'labels/a/1.png', content)
        given = dict(metainfo=CLASSES, pipeline=LOAD, label_table=table)
        return ImageLabelDataset(data_root=str(tmp_path), **{**given, **options})

    return make


def palette_of_colours():
    """A png of palette indices in another order than the classes."""
    return encode(Image.fromarray(RGB).quantize(4))


@pytest.mark.parametrize(
    'content, table',
    [
        (encode(IDS), ID_TABLE),
        (palette_png(IDS), ID_TABLE),
        (encode(RGB), COLOURS),
        (palette_of_colours(), COLOURS),
        (encode(np.dstack([RGB, np.full((2, 2), 255, np.uint8)])), COLOURS),
        (encode_deep(np.dstack([IDS * 3, IDS * 5, IDS])), dict(red=ID_TABLE)),
        (encode(np.array(EXPECTED, np.uint8)), 3),
        (encode(np.array(EXPECTED, np.uint8)), None),
    ],
    **SHORT,
)
def test_what_files_store(build, content, table):
    dataset = build(content, table)
    assert dataset[0]['gt_seg_map'].tolist() == EXPECTED
    assert dataset[0]['gt_seg_map'].dtype == np.uint8
    assert dataset.get_data_info(0)['img_id'] == 'a/1'


@pytest.mark.parametrize(
    'content, table',
    [
        (encode(RGB), ID_TABLE),
        (encode(RGB), dict(red=ID_TABLE)),
        (encode_deep(np.dstack([IDS] * 3)), ID_TABLE),
        (encode_deep(np.dstack([IDS] * 3)), COLOURS),
        (encode_deep(IDS), dict(red=ID_TABLE)),
        (encode(IDS), COLOURS),
        (encode(IDS), dict(red=ID_TABLE)),
        (palette_png(IDS), dict(red=ID_TABLE)),
        (encode(RGB, 'JPEG'), COLOURS),
        (encode(np.dstack([RGB, np.full((2, 2), 9, np.uint8)])), COLOURS),
    ],
    **SHORT,
)
def test_files_that_store_something_else(build, content, table):
    with pytest.raises(BrokenFileError, match=r'labels/a/1\.png') as error:
        build(content, table)[0]
    if not content.startswith(b'\xff') and b'transparent' not in str(error).encode():
        assert 'label_table' in str(error.value)


@pytest.mark.parametrize(
    'content, table, unknown',
    [
        (encode(IDS + 1), ID_TABLE, r'\[1, 8, 24, 27\]'),
        (encode(255 - RGB), COLOURS, '#4B7D4B|#B97D4B'),
        (encode_deep(np.dstack([IDS + np.uint16(300)] * 3)), dict(red=ID_TABLE), '326'),
        (encode(np.array([[0, 3]] * 2, np.uint8)), 3, r'\[3\]'),
    ],
    **SHORT,
)
def test_values_without_a_class(build, content, table, unknown):
    with pytest.raises(UserError, match=f'labels/a/1.png.*({unknown})'):
        build(content, table)[0]


@pytest.mark.parametrize(
    'table, named',
    [
        ({'#80408': 0}, '#80408'),
        ({'road': 0}, 'road'),
        ({7: 0, '#804080': 1}, '#804080'),
        ({256: 0}, '256'),
        ({7: -1}, '-1'),
        ({7: 254}, '254'),
        ({7: 'road'}, 'road'),
        ({}, 'empty'),
        ({'#00008e': 0, '#00008E': 1}, 'twice'),
        ({7: 3}, 'metainfo'),
        ('citiscapes', 'citiscapes'),
        ('camvid', '11 names'),
    ],
)
def test_tables_that_cannot_be(build, table, named):
    with pytest.raises(UserError, match=named):
        build(b'', table)


def test_options_that_do_not_fit(build, tmp_path):
    for options, named in (
        (dict(data_prefix=dict(img_path='{split}')), 'split'),
        (dict(img_suffix='.webp'), r'images for \*\.webp'),
        (dict(seg_map_suffix='1.png'), 'labels.*a/1.png.*a/1.jpg'),
        (dict(offsets=(1,)), 'offsets'),
    ):
        with pytest.raises(UserError, match=named):
            build(encode(RGB), COLOURS, **options)


def test_classes_of_a_named_table_in_another_order(build):
    """The table maps ids by its own order, and knows nothing of the names."""
    names = TABLE_METAINFO['gta5']['classes']
    with pytest.raises(UserError, match='another order.* as road, sidewalk'):
        build(encode(IDS), 'gta5', metainfo=dict(classes=sorted(names)))
    other = [f'{name} of ours' for name in names]
    for classes in (names, other):
        dataset = build(encode(IDS), 'gta5', metainfo=dict(classes=classes))
        assert dataset[0]['gt_seg_map'].tolist() == [[0, 13], [10, 255]]


@pytest.mark.parametrize(
    'table', ['cityscapes_label_ids', 'gta5', 'mapillary_vistas_19']
)
def test_train_ids_in_files_of_ids(build, table):
    label = encode(np.array([[0, 18], [5, 255]], np.uint8))
    with pytest.raises(UserError, match=r'labels/a/1.png.*cityscapes_train_ids'):
        build(label, table, metainfo={})[0]


@pytest.mark.parametrize('ids', [(7, 8, 11), (7,), (7, 11, 12, 17), (33,)])
def test_label_ids_with_void_as_255(build, ids):
    """As some tools write them; train ids have road, pavement or sky nearly always."""
    label = encode(np.array([[*ids, 255]], np.uint8).repeat(4, 0))
    size = dict(pipeline=LOAD[1:], metainfo={})
    assert build(label, 'cityscapes_label_ids', **size)[0]['gt_seg_map'][0, -1] == 255


@pytest.mark.parametrize('table', ['cityscapes_train_ids', 'camvid', {0: 255, 1: 0}])
def test_files_with_255(build, table):
    """Void of class indices, and of ids that users chose."""
    metainfo = {} if 'city' in table else dict(classes=tuple('abcdefghijk'))
    label = encode(np.array([[0, 1], [1, 255]], np.uint8))
    assert build(label, table, metainfo=metainfo)[0]['gt_seg_map'][1, 1] == 255


@pytest.mark.parametrize(
    'table, suffix, named',
    [
        ('cityscapes_label_ids', '_trainIds.png', 'cityscapes_train_ids'),
        ('gta5', '_labelTrainIds.png', 'cityscapes_train_ids'),
        ('cityscapes_train_ids', '_gtFine_labelIds.png', 'cityscapes_label_ids'),
    ],
)
def test_suffixes_of_another_table(build, table, suffix, named):
    with pytest.raises(UserError, match=f'seg_map_suffix.*{suffix}.*{named}'):
        build(b'', table, seg_map_suffix=suffix, metainfo={})


@pytest.mark.parametrize('table', ['gta5', ID_TABLE, COLOURS, dict(red=ID_TABLE)])
def test_zero_is_reduced_of_indices_only(build, table):
    with pytest.raises(UserError, match='reduce_zero_label'):
        build(b'', table, reduce_zero_label=True)
    label = encode(np.array([[0, 1], [3, 255]], np.uint8))
    for indices in (3, None):
        dataset = build(label, indices, reduce_zero_label=True)
        assert dataset[0]['gt_seg_map'].tolist() == [[255, 0], [2, 255]]


def test_images_of_another_suffix_are_left_out_with_a_cure(
    build, tmp_path, user_warnings
):
    """The cure is an option of this data set, and works."""
    build(encode(IDS), ID_TABLE)
    assert not user_warnings()
    write_image(tmp_path / 'images/a/2.tif', np.zeros((2, 2, 3), np.uint8))
    dataset = build(encode(IDS), ID_TABLE)
    (message,) = user_warnings()
    assert '2.tif' in message and message.endswith('with img_suffix')
    others = build(encode(IDS), ID_TABLE, img_suffix='.tif', data_prefix=NO_LABELS)
    assert [one['img_id'] for one in (*dataset, *others)] == ['a/1', 'a/2']
    (tmp_path / 'images/a/2.tif').rename(tmp_path / 'labels/a/2.tif')
    build(encode(IDS), ID_TABLE)
    assert user_warnings()[-1].endswith('with seg_map_suffix')


def test_images_without_labels(build):
    for options in (dict(metainfo={}), dict(data_prefix=dict(seg_map_path=None))):
        dataset = build(encode(IDS), None, **options)
        assert 'gt_seg_map' not in dataset[0] and not dataset[0]['is_labeled']


def test_depth_labels_and_a_list(build, tmp_path):
    (tmp_path / 'list.txt').write_text('a/1\n')
    dataset = build(
        encode(IDS),
        ID_TABLE,
        sde_disparity_dir='../depth',
        check_depth_labels=False,
        labeled_subset=dict(ann_file='list.txt'),
    )
    path = dataset.get_data_info(0)['sde_disparity_path']
    assert path == f'{tmp_path.parent}/depth/a/1.png'


@pytest.mark.parametrize('table', [ID_TABLE, COLOURS, dict(red=ID_TABLE)])
def test_a_table_in_a_config(build, tmp_path, table):
    """Also in the copy of the config that a training writes."""
    (tmp_path / 'a.py').write_text(f'table = {table!r}')
    Config.fromfile(tmp_path / 'a.py').dump(str(tmp_path / 'b.py'))
    read = Config.fromfile(tmp_path / 'b.py').table
    assert LabelTable.of(read) == LabelTable.of(table)


def test_evaluation_at_the_size_of_the_image(build):
    """Colours are resized before they are translated."""
    big = RGB.repeat(2, 0).repeat(2, 1)
    load = [LOAD[0], dict(type='Resize', scale=(2, 2))]
    load += [dict(type='LoadSegLabel', evaluate_at='image')]
    assert build(encode(big), COLOURS, pipeline=load)[0]['gt_seg_map'].tolist() == (
        EXPECTED
    )


def test_tables_fit_their_classes():
    for name, meta in TABLE_METAINFO.items():
        table = LabelTable.of(name)
        assert len(meta['classes']) == len(meta['palette'])
        assert table.highest == len(meta['classes']) - 1, name
        assert {i for _, i in table.entries} - {255} == {*range(table.highest + 1)}
    vistas = [name for names in VISTAS_NAMES.values() for name in names]
    assert len({*vistas}) == len(vistas)
    assert not {*vistas} - {*TABLE_METAINFO['mapillary_vistas']['classes']}
    assert {*LABEL_TABLES} - {'camvid'} == {*TABLE_METAINFO}
