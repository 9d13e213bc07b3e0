from itertools import islice

import pytest
from torch.utils.data import ConcatDataset

from mmdepthseg.datasets.samplers import MultiSourceSampler
from mmdepthseg.utils.errors import UserError

DIST = 'mmdepthseg.datasets.samplers.multi_source_sampler.get_dist_info'


def make(counts=(2, 1), sizes=(6, 6), **kwargs):
    dataset = ConcatDataset([list(range(size)) for size in sizes])
    return MultiSourceSampler(dataset, counts, seed=kwargs.pop('seed', 3), **kwargs)


def take(sampler, count):
    return list(islice(iter(sampler), count))


def test_every_group_has_its_counts():
    drawn = take(make(counts=(2, 3), sizes=(4, 50)), 100)
    for start in range(0, 100, 5):
        assert [index < 4 for index in drawn[start : start + 5]] == [True] * 2 + [
            False
        ] * 3


def test_each_source_is_a_stream_of_permutations():
    drawn = take(make(counts=(2, 1), sizes=(6, 6)), 54)
    first = [index for index in drawn if index < 6]
    second = [index - 6 for index in drawn if index >= 6]
    for stream in (first, second):
        for start in range(0, 18, 6):
            assert sorted(stream[start : start + 6]) == list(range(6))
    assert first[:6] != first[6:12]
    assert first[:6] != second[:6], 'sources of equal length must not run in parallel'


def test_unshuffled():
    assert take(make(counts=(1, 1), sizes=(2, 3), shuffle=False), 8) == [
        0,
        2,
        1,
        3,
        0,
        4,
        1,
        2,
    ]


@pytest.mark.parametrize('rank, world', [(0, 1), (1, 2)])
@pytest.mark.parametrize('skip', [3, 7, 300])
def test_skip_goes_on_exactly(monkeypatch, rank, world, skip):
    monkeypatch.setattr(DIST, lambda: (rank, world))
    whole = take(make(), skip + 20)
    sampler = make()
    sampler.skip(skip)
    rest = take(sampler, 20)
    assert rest == whole[skip:]
    assert [i.pos for i in rest] == [i.pos for i in whole[skip:]]


def test_ranks_take_disjoint_parts(monkeypatch):
    drawn = []
    for rank in range(3):
        monkeypatch.setattr(DIST, lambda rank=rank: (rank, 3))
        drawn += take(make(counts=(2, 1), sizes=(6, 3)), 3)
    assert sorted(drawn) == list(range(9))
    assert len({i.pos for i in drawn}) == 9


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(counts=(2, 0)), r'source_counts.*\[2, 0\]'),
        (dict(counts=(2, 1, 1)), '3 .* 2'),
        (dict(batch_size=4), 'batch_size 4'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_empty_source_and_plain_dataset():
    dataset = ConcatDataset([[1], [2]])
    dataset.datasets[1] = []
    with pytest.raises(ValueError, match='sizes are \\[1, 0\\]'):
        MultiSourceSampler(dataset, [1, 1], seed=0)
    with pytest.raises(UserError, match='ConcatDataset'):
        MultiSourceSampler([1, 2], [1], seed=0)


def test_counts_by_the_names_of_the_sources():
    dataset = ConcatDataset([[1] * 6, [2] * 4])
    dataset.source_names = ['labeled', 'mix']
    named = MultiSourceSampler(dataset, dict(mix=1, labeled=2), seed=0)
    assert take(named, 30) == take(MultiSourceSampler(dataset, [2, 1], seed=0), 30)
    with pytest.raises(UserError, match="'mixed'.*'mix'"):
        MultiSourceSampler(dataset, dict(labeled=2, mixed=1))
    del dataset.source_names
    with pytest.raises(UserError, match="'mix'"):
        MultiSourceSampler(dataset, dict(labeled=2, mix=1))
