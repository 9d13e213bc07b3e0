"""The published lists of labelled images."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mmdepthseg.cityscapes import split_stem
from mmdepthseg.datasets import CityscapesSequenceDataset
from mmdepthseg.datasets.subset import random_subset
from mmdepthseg.name_lists import read_names

FOLDER = Path(__file__).resolve().parents[1] / 'configs/_base_/splits'
CITYSCAPES = FOLDER / 'cityscapes'
METHODS = ('ds_us', 'ds', 'us', 'ent')
ORDERED = [f'{method}_seed{seed}' for method, seed in product(METHODS, (42, 43, 44))]
RANDOM = [f'random_seed{seed}' for seed in (7, 25, 42)]
UNIMATCH = {'1_30': 100, '1_16': 186, '1_8': 372, '1_4': 744, '1_2': 1488}


def names_of(name, folder=CITYSCAPES):
    """Names of a list; every line is one, and none comes twice."""
    lines = (folder / f'{name}.txt').read_text().splitlines()
    lines = [line for line in lines if not line.startswith('#')]
    names = read_names(str(folder / f'{name}.txt'))
    assert names == lines
    return names


@pytest.fixture(scope='module')
def train():
    return names_of('train')


def test_official_splits(train):
    val = names_of('val')
    assert len(train) == 2975 and len(val) == 500
    for names, cities in ((train, 18), (val, 3)):
        assert names == sorted(names)
        assert len({name.split('/')[0] for name in names}) == cities
        assert all(
            split_stem(name)[0].split('/')[1].startswith(name.split('/')[0])
            for name in names
        )
    assert not set(train) & set(val)


def test_every_list_is_known():
    there = {path.stem for path in CITYSCAPES.glob('*')}
    assert there == {
        'train',
        'val',
        *ORDERED,
        *RANDOM,
        *(f'unimatch_{part}' for part in UNIMATCH),
    }


@pytest.mark.parametrize('name', ORDERED + RANDOM)
def test_ordered_lists(train, name):
    names = names_of(name)
    assert len(names) == 744 and set(names) <= set(train)
    assert names != sorted(names)  # an order of choice, to take the first n of


def test_selections_differ_by_method_and_seed():
    firsts = {tuple(names_of(name)[:100]) for name in ORDERED + RANDOM}
    assert len(firsts) == len(ORDERED + RANDOM)


@pytest.mark.parametrize('seed', [7, 25, 42])
def test_random_lists_are_those_of_the_rule(train, seed):
    names = names_of(f'random_seed{seed}')
    order = np.random.RandomState(seed).permutation(2975)
    assert names == [train[i] for i in order[:744]]
    for n in (100, 372, 744):
        chosen = [train[i] for i in random_subset(2975, n, seed)]
        assert names[:n] == chosen


@pytest.mark.parametrize('part', UNIMATCH)
def test_unimatch(train, part):
    names = names_of(f'unimatch_{part}')
    assert len(names) == UNIMATCH[part] and set(names) <= set(train)


@pytest.mark.parametrize('seed', [42, 43, 44])
def test_camvid(seed):
    names = names_of(f'ds_us_seed{seed}', FOLDER / 'camvid')
    assert len(names) == 100 and all('/' not in name for name in names)


def test_a_named_subset_is_one_config_line(tmp_path, train):
    names = names_of('ds_us_seed42')
    for name in names[:6]:
        for folder, end in (
            ('leftImg8bit', 'leftImg8bit'),
            ('gtFine', 'gtFine_labelIds'),
        ):
            path = tmp_path / folder / 'train' / f'{name}_{end}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for n in (2, 5):  # the smaller subset is part of the larger one
        dataset = CityscapesSequenceDataset(
            data_root=str(tmp_path),
            subset_mode='mark',
            labeled_subset=dict(ann_file=str(CITYSCAPES / 'ds_us_seed42.txt'), n=n),
        )
        assert len(dataset) == 6
        assert {
            info['img_id']
            for info in map(dataset.get_data_info, range(6))
            if info['is_labeled']
        } == set(names[:n])


def test_kitti():
    train, val = (names_of(name, FOLDER / 'kitti') for name in ('train', 'val'))
    assert len(train) == 160 and len(val) == 40
    assert sorted(train + val) == [f'{number:06d}_10' for number in range(200)]
