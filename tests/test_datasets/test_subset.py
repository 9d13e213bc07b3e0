import numpy as np
import pytest

from mmdepthseg.datasets.subset import match_names, random_subset, read_names
from mmdepthseg.utils.errors import UserError

IDS = ['aachen/aachen_0_19', 'bochum/bochum_0_19', 'bochum/bochum_1_19']


def test_random_subset_is_the_papers_rule():
    expected = np.random.RandomState(42).permutation(2975)[:100]
    assert random_subset(2975, 100, 42) == expected.tolist()
    assert len(set(random_subset(30, 30, 7))) == 30


@pytest.mark.parametrize('n', [0, 31])
def test_random_subset_out_of_range(n):
    with pytest.raises(ValueError, match=f'n={n} of 30'):
        random_subset(30, n, 7)


def test_read_names(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('# chosen\n7 aachen/a\n\nbochum/b  \n7 aachen/a\nmy ride/1\n')
    assert read_names(str(path)) == ['aachen/a', 'bochum/b', 'my ride/1']


def test_read_names_empty_or_missing(tmp_path):
    path = tmp_path / 'names.txt'
    with pytest.raises(UserError, match='names.txt'):
        read_names(str(path))
    path.write_text('\n# nothing\n')
    with pytest.raises(ValueError, match='names.txt'):
        read_names(str(path))


def test_match_names_by_id_or_stem():
    assert match_names(['bochum_1_19', 'aachen/aachen_0_19'], IDS, 'x') == [2, 0]


def test_match_names_not_found_names_the_first():
    names = ['nowhere/a', 'nowhere/b', 'nowhere/c', 'nowhere/d']
    with pytest.raises(ValueError, match=r'list.txt: 4 of 4 .*nowhere/a.*nowhere/c, '):
        match_names(names, IDS, 'list.txt')


def test_match_names_ambiguous():
    with pytest.raises(ValueError, match='ambiguous: 000'):
        match_names(['000'], ['a/000', 'b/000'], 'list.txt')


def test_list_with_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes(b'\xef\xbb\xbfclip/1\r\nclip/2\r\n')
    assert read_names(str(path)) == ['clip/1', 'clip/2']
