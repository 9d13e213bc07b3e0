import pickle
from itertools import islice

import pytest
from mmengine.dataset import InfiniteSampler

from mmdepthseg.datasets.samplers import ResumableInfiniteSampler, StreamIndex
from mmdepthseg.registry import DATA_SAMPLERS


def take(sampler, count):
    return list(islice(iter(sampler), count))


def test_same_order_as_mmengine():
    ours = take(ResumableInfiniteSampler(range(7), seed=5), 20)
    assert ours == take(InfiniteSampler(range(7), seed=5), 20)
    assert [index.pos for index in ours] == list(range(20))
    assert {index.seed for index in ours} == {5}


@pytest.mark.parametrize('rank, world', [(0, 1), (0, 3), (2, 3)])
def test_skip_goes_on_exactly(monkeypatch, rank, world):
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (rank, world))
    whole = take(ResumableInfiniteSampler(range(7), seed=1), 30)
    sampler = ResumableInfiniteSampler(range(7), seed=1)
    sampler.skip(11)
    rest = take(sampler, 19)
    assert rest == whole[11:]
    assert [i.pos for i in rest] == [i.pos for i in whole[11:]]


def test_ranks_are_disjoint(monkeypatch):
    parts = []
    for rank in range(3):
        monkeypatch.setattr(
            'mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 3)
        )
        parts += take(ResumableInfiniteSampler(range(9), seed=1), 3)
    assert sorted(parts) == list(range(9))
    assert sorted(i.pos for i in parts) == list(range(9))


def test_bad_input():
    with pytest.raises(ValueError, match='empty'):
        ResumableInfiniteSampler([], seed=0)
    with pytest.raises(ValueError, match='negative'):
        ResumableInfiniteSampler(range(3), seed=0).skip(-1)


def test_registered_and_picklable():
    assert DATA_SAMPLERS.get('ResumableInfiniteSampler') is ResumableInfiniteSampler
    index = pickle.loads(pickle.dumps(StreamIndex(3, pos=9, seed=4)))
    assert index == 3 and index.pos == 9 and index.seed == 4
