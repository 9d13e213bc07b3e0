"""Palettes of label files: those that contradict the indices, and all others."""

import numpy as np
import pytest
from helpers.field_data import write_file
from helpers.images import encode, write_image
from mmseg.utils import get_palette
from PIL import Image

from mmdepthseg.cityscapes import PALETTE
from mmdepthseg.datasets import ImageLabelDataset
from mmdepthseg.datasets.label_tables import LABEL_TABLES, TABLE_METAINFO, LabelTable
from mmdepthseg.datasets.transforms.label_checks import contradiction, png_palette
from mmdepthseg.utils.errors import UserError

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]
COLOURS = [[128, 64, 128], [0, 0, 142], [70, 130, 180]]
THREE = dict(classes=('road', 'car', 'sky'), palette=COLOURS)
INDICES = np.array([[0, 1, 2, 0, 1, 2]] * 4, np.uint8)


def indexed(indices, colours):
    """A png of palette indices."""
    image = Image.fromarray(indices, mode='P')
    image.putpalette(np.array(colours, np.uint8).ravel().tolist())
    return encode(image)


def numbered_anew(colours):
    """A png as tools save an image of few colours, given as (H, W, 3)."""
    return encode(Image.fromarray(np.array(colours, np.uint8)).quantize(8))


def colours_of(void=None):
    image = np.array(COLOURS, np.uint8)[INDICES]
    if void is not None:
        image[0] = void
    return image


@pytest.fixture
def load(tmp_path):
    """Load a label file of indices of three classes."""
    write_image(tmp_path / 'images/1.jpg', np.zeros((4, 6, 3), np.uint8))

    def read(content, **options):
        write_file(tmp_path / 'labels/1.png', content)
        given = dict(metainfo=THREE, label_table=3, pipeline=LOAD)
        dataset = ImageLabelDataset(data_root=str(tmp_path), **{**given, **options})
        return dataset[0]['gt_seg_map']

    return read


@pytest.mark.parametrize(
    'content',
    [
        numbered_anew(colours_of()),
        numbered_anew(colours_of(void=(0, 0, 0))),
        indexed(INDICES, COLOURS[::-1]),
        indexed(
            INDICES[:, :1] + np.uint8(2) * np.ones((1, 6), np.uint8), COLOURS[::-1]
        ),
        indexed(INDICES, [COLOURS[1], COLOURS[0], COLOURS[2]]),
    ],
    ids=['quantized', 'with void', 'reversed', 'one class', 'two classes'],
)
def test_colours_of_other_classes(load, content):
    with pytest.raises(UserError, match=r'labels/1.png.*label_table of colours'):
        load(content)


@pytest.mark.parametrize('ids', [(0, 1, 2), (2, 1), (0, 1, 255), (1, 255)])
def test_ids_as_greys_that_were_numbered_anew(load, ids):
    content = indexed(INDICES % np.uint8(len(ids)), [[i] * 3 for i in reversed(ids)])
    with pytest.raises(UserError, match='labels/1.png.*grey png'):
        load(content)


@pytest.mark.parametrize(
    'colours',
    [
        COLOURS,
        [[i] * 3 for i in range(256)],
        [[0, 0, 0], [127] * 3, [254] * 3],
        [[255, 0, 0], [0, 255, 0], [0, 0, 255]],
        [[0, 0, 0], [0, 0, 142], [255, 255, 255]],
        get_palette('voc'),
        [*COLOURS[::-1], [1, 2, 3]],
        [COLOURS[1]] * 3,
    ],
    ids=[
        'own',
        'ramp',
        'scaled ramp',
        'others',
        'one',
        'voc',
        'of more',
        'one for all',
    ],
)
def test_palettes_that_only_show(load, colours):
    assert (load(indexed(INDICES, colours)) == INDICES).all()


def test_colours_of_a_larger_set_by_index(load):
    """Own classes in colours by meaning; files in those of another set by index."""
    own = dict(THREE, palette=[PALETTE[0], PALETTE[2], PALETTE[8]])
    label = np.full((4, 6), 2, np.uint8)  # shown as class 1
    assert (load(indexed(label, PALETTE), metainfo=own) == 2).all()


def test_masks_in_black_and_white(load):
    mask = (INDICES > 0).astype(np.uint8)
    for colours in ([[0] * 3, [255] * 3], [[255] * 3, [0] * 3]):
        assert (load(indexed(mask, colours)) == mask).all()


def test_colours_of_classes_that_the_config_orders_anew(load, tmp_path):
    """The palette of the metainfo belongs to the classes that remain."""
    ids = np.array([[7, 26, 0, 7, 26, 0]] * 4, np.uint8)
    colours = np.zeros((34, 3), np.uint8)
    colours[7], colours[26] = PALETTE[0], PALETTE[13]
    classes = dict(
        metainfo=dict(classes=('car', 'road'), palette=[[0, 0, 142], [128, 64, 128]])
    )
    table = {0: 255, 7: 1, 26: 0}
    assert load(indexed(ids, colours), label_table=table, **classes)[0, 0] == 1
    with pytest.raises(UserError, match='other classes'):
        load(indexed(ids, colours), label_table={0: 255, 7: 0, 26: 1}, **classes)


def test_a_part_of_the_classes(tmp_path):
    """With fewer classes than the table, those left out do not count."""
    classes = LabelTable.of(3).lookup().copy()
    classes[[0, 1, 2]] = 255, 1, 0
    used, palette = np.arange(3), [COLOURS[2], COLOURS[1]]
    assert not contradiction(used, np.array(COLOURS, np.uint8), classes, palette)


@pytest.mark.parametrize('name', sorted(TABLE_METAINFO))
def test_palettes_of_released_files(name):
    """Those of Vistas and GTA5, or any other, for whatever ids a file holds."""
    meta, table = TABLE_METAINFO[name], LabelTable.of(name)
    if table.stored != 'index':
        return
    ids = np.array(sorted(LABEL_TABLES[name]))
    own = np.zeros((256, 3), np.uint8)
    if 'vistas' in name:
        own[:65] = TABLE_METAINFO['mapillary_vistas']['palette']
    else:
        for stored, index in table.entries:
            own[stored] = meta['palette'][index] if index != 255 else (0, 0, 0)
        own[34] = 0, 0, 142  # GTA5's licence plate has the colour of cars
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    rng = np.random.default_rng(0)
    for _ in range(300):
        used = np.sort(rng.choice(ids, rng.integers(1, 12), replace=False))
        for file in (own, ramp):
            assert not contradiction(used, file[used], table.lookup(), meta['palette'])


def test_a_ramp_of_greys_says_nothing():
    classes, palette = LabelTable.of(3).lookup(), [[2] * 3, [1] * 3, [0] * 3]
    for used in (np.array([0, 2]), np.array([0, 1])):
        ramp = used[:, None].repeat(3, 1).astype(np.uint8)
        assert not contradiction(used, ramp, classes, palette)
        assert contradiction(used, 2 - ramp, classes, [[0] * 3, [1] * 3, [2] * 3])


def test_palette_of_a_png():
    assert png_palette(indexed(INDICES, COLOURS))[:3].tolist() == COLOURS
    assert png_palette(encode(INDICES)) is None
    assert png_palette(encode(colours_of(), 'JPEG')) is None
    assert png_palette(indexed(INDICES, COLOURS)[:40]) is None
