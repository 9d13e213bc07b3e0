import numpy as np
import pytest

from mmdepthseg.datasets.subset import LabeledSubset, random_subset
from mmdepthseg.utils.errors import UserError

IDS = ['aachen/aachen_0_19', 'bochum/bochum_0_19', 'bochum/bochum_1_19']


def test_random_subset_is_the_papers_rule():
    expected = np.random.RandomState(42).permutation(2975)[:100]
    assert random_subset(2975, 100, 42) == expected.tolist()
    assert len(set(random_subset(30, 30, 7))) == 30


def test_without_a_subset_nothing_can_be_excluded():
    for mode in ('keep', 'mark'):
        assert LabeledSubset.of(None, mode) is None
    with pytest.raises(UserError, match="'exclude' needs a labeled_subset"):
        LabeledSubset.of(None, 'exclude')


@pytest.mark.parametrize('n', [0, 31])
def test_random_subset_out_of_range(n):
    with pytest.raises(ValueError, match=f'n={n} of 30'):
        random_subset(30, n, 7)


def positions(tmp_path, lines, ids=IDS, n=None):
    path = tmp_path / 'list.txt'
    path.write_text(lines, encoding='utf-8')
    samples = [dict(img_id=img_id) for img_id in ids]
    return LabeledSubset(ann_file=str(path), n=n).positions(samples, None)


def test_first_names_of_a_list(tmp_path):
    lines = '# chosen\n7 bochum/bochum_0_19\n\nbochum_1_19  \nbochum/bochum_1_19\nx\n'
    assert positions(tmp_path, lines, n=1) == {1}
    assert positions(tmp_path, lines, n=2) == {1, 2}
    with pytest.raises(UserError, match="list.txt, line 6: 'x'"):
        positions(tmp_path, lines, n=3)


@pytest.mark.parametrize('lines', ['', '# nothing\n', f'{IDS[0]}\n'])
def test_lists_that_are_too_short(tmp_path, lines):
    with pytest.raises(UserError, match='list.txt'):
        positions(tmp_path, lines, n=2)


def test_missing_list(tmp_path):
    subset = LabeledSubset(ann_file=str(tmp_path / 'absent.txt'))
    with pytest.raises(UserError, match='absent.txt'):
        subset.positions([dict(img_id='a')], None)


@pytest.mark.parametrize(
    'key, wrong',
    [
        *(('ann_file', dict(ann_file=name)) for name in ('', ' ', ['list.txt'])),
        ('ann_file', dict(ann_file='', n=2, seed=1)),
        *(('n', dict(n=n, seed=1)) for n in ('', '8', 8.5, 8.0, True, 0)),
        *(('seed', dict(n=2, seed=s)) for s in ('', '1', 1.5, False, -1, 2**32)),
    ],
)
def test_entries_that_would_be_misread(key, wrong):
    """An empty list of names would be all labels, True a single one."""
    with pytest.raises(UserError, match=f'labeled_subset: {key}='):
        LabeledSubset.of(wrong, 'keep')


def test_numbers_of_numpy_are_whole():
    subset = LabeledSubset(n=np.int64(2), seed=np.int64(7))
    assert len(subset.positions([dict(img_id=name) for name in IDS], None)) == 2


def test_two_lists_of_one_name(tmp_path, monkeypatch):
    """Below the data and below the current folder."""
    data = tmp_path / 'data'
    data.mkdir()
    monkeypatch.chdir(tmp_path)
    samples = [dict(img_id='a'), dict(img_id='b')]
    inside, outside = data / 'list.txt', tmp_path / 'list.txt'
    outside.write_text('b\n')
    subset = LabeledSubset(ann_file='./list.txt')
    assert subset.positions(samples, str(data)) == {1}
    inside.write_text('b\n')
    assert subset.positions(samples, str(data)) == {1}
    inside.write_text('a\n')
    with pytest.raises(UserError, match=f'{inside} or {outside}, which differ'):
        subset.positions(samples, str(data))
    assert LabeledSubset(ann_file=str(outside)).positions(samples, str(data)) == {1}
