import pytest

from mmdepthseg.datasets import ClipDataset, ConcatDataset
from mmdepthseg.datasets.samplers import StreamIndex
from mmdepthseg.utils.errors import UserError


def test_positions_survive(clip_root):
    parts = [
        dict(type='ClipDataset', data_root=str(clip_root), clips=[clip], pipeline=[])
        for clip in 'ab'
    ]
    dataset = ConcatDataset(parts)
    assert isinstance(dataset.datasets[0], ClipDataset)
    sample = dataset[StreamIndex(5, pos=77, seed=3)]
    assert sample['img_id'] == 'b/001'
    assert sample['sample_idx'] == 1 and sample['sample_idx'].pos == 77
    assert dataset[0]['img_id'] == 'a/000'


def test_shared_entries_stand_back_behind_a_parts_own(clip_root):
    subset = dict(n=1, seed=0)
    made = ClipDataset(data_root=str(clip_root), clips=['b'], pipeline=[])
    dataset = ConcatDataset(
        [dict(branch='labeled'), dict(clips=['b'], labeled_subset=None), made],
        shared=dict(
            type='ClipDataset',
            data_root=str(clip_root),
            clips=['a'],
            labeled_subset=subset,
            pipeline=[],
        ),
    )
    first, second, third = dataset.datasets
    assert len(first) == 1 and first[0]['img_id'].startswith('a/')
    assert first[0]['branch'] == 'labeled'
    assert len(second) > 1 and all(s['img_id'].startswith('b/') for s in second)
    assert third is made


def test_parts_by_name(clip_root):
    part = dict(type='ClipDataset', data_root=str(clip_root), pipeline=[])
    dataset = ConcatDataset(
        sources=dict(mix=dict(clips=['b']), labeled=dict(clips=['a'])), shared=part
    )
    assert dataset.source_names == ['mix', 'labeled']
    assert dataset[0]['img_id'].startswith('b/')
    assert dataset[len(dataset) - 1]['img_id'].startswith('a/')
    assert ConcatDataset([dict(part, clips=['a'])]).source_names == []


@pytest.mark.parametrize('parts', [{}, dict(datasets=[[1]], sources=dict(a=[1]))])
def test_parts_are_said_once(parts):
    with pytest.raises(UserError, match='`sources`'):
        ConcatDataset(**parts)
