import cv2
import numpy as np
import pytest

from mmdepthseg.datasets.subset import LabeledSubset
from mmdepthseg.selection import select
from mmdepthseg.selection.files import (
    find_images,
    read_names,
    read_rows,
    write_selection,
)
from mmdepthseg.utils.errors import UserError


def write(path, shape=(30, 40, 3), color=(10, 120, 230)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(shape, color, np.uint8))


@pytest.mark.parametrize('suffix', ['', '.png', '.JPG', '_leftImg8bit.png'])
def test_images_below_a_folder(tmp_path, suffix):
    ending = '.png' if suffix == '' else ''
    names = [f'city/frame_1{ending}', f'city/frame_10{ending}']
    for name in names:
        path = tmp_path / (name + suffix)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / 'city/frame_1.json').touch()
    expected = [str(tmp_path / (name + suffix)) for name in names]
    assert find_images(tmp_path, names, 2) == expected


def test_a_longer_name_is_another_frame(tmp_path):
    write(tmp_path / 'frame_10.png')
    with pytest.raises(UserError, match="'frame_1'"):
        find_images(tmp_path, ['frame_1', 'frame_10'], 2)


def test_images_of_a_list(tmp_path, monkeypatch):
    for folder in ('here', 'lists'):
        write(tmp_path / folder / 'a.png')
    listed = tmp_path / 'lists/images.txt'
    listed.write_text('a.png\nb.png\n')
    monkeypatch.chdir(tmp_path)
    beside = [str(tmp_path / 'lists' / name) for name in ('a.png', 'b.png')]
    assert find_images(listed, None, 2) == beside
    monkeypatch.chdir(tmp_path / 'here')
    assert find_images(listed, None, 2) == ['a.png', 'b.png']


def test_errors_of_finding(tmp_path):
    listed = tmp_path / 'images.txt'
    listed.write_text('absent.png\nb.png\n')
    for where, names, size, message in (
        (tmp_path / 'none', None, 2, 'none: no such file or folder'),
        (tmp_path, None, 2, 'the frames need names'),
        (tmp_path, ['sub/a'], 1, "no image of the first frame, 'sub/a'"),
        (listed, None, 3, '2 image paths, but the features have 3 rows'),
        (listed, None, 2, "'absent.png' in the first line"),
    ):
        with pytest.raises(UserError, match=message):
            find_images(where, names, size)


#: Names that resemble numbers, comments and lists.
ODD_NAMES = ['13', '07', '3 a/1', 'a/1', 'b c/1', '#x/1', 'd,e/1', '"q"/1', '\u00e9/1']


def test_written_lists_are_read_whatever_the_names(tmp_path):
    (tmp_path / 'names.txt').write_text('\n'.join(ODD_NAMES), encoding='utf-8')
    names = read_names(tmp_path / 'names.txt', 9)
    assert names == ODD_NAMES
    chosen = select(np.zeros((9, 1)), 'random', 7, seed=3)
    write_selection(tmp_path, chosen, names, [4, 7], dict(seed=3))
    for budget in (4, 7):
        path = tmp_path / f'budget_{budget}.txt'
        order = chosen.order[:budget].tolist()
        assert read_rows(path, 9, names).tolist() == order
        samples = [dict(img_id=name) for name in names]
        subset = LabeledSubset(ann_file=str(path))
        assert subset.positions(samples, None) == set(order)


def test_without_names_lines_are_rows(tmp_path):
    path = tmp_path / 'rows.txt'
    path.write_text('# comment\n07\n3\n')
    assert read_rows(path, 9).tolist() == [7, 3]
    for lines, message in (
        ('1\n\n9', 'rows.txt, line 3: row 9'),
        ('1\n-1', 'rows.txt, line 2: row -1'),
        ('1\na/1', "rows.txt, line 2: 'a/1'"),
        ('\u0663', 'rows.txt, line 1'),
        ('4\n2\n4', 'rows.txt: row 4 given more than once'),
    ):
        path.write_text(lines, encoding='utf-8')
        with pytest.raises(UserError, match=message):
            read_rows(path, 9)


def test_with_names_a_number_is_never_a_row(tmp_path):
    path = tmp_path / 'initial.txt'
    path.write_text('07\n2\n')
    with pytest.raises(UserError, match="initial.txt, line 2: '2' is not among"):
        read_rows(path, 9, ODD_NAMES)
    path.write_text('a/1\n7 13\n')  # the number is that of a published list
    assert read_rows(path, 9, ODD_NAMES).tolist() == [3, 0]
