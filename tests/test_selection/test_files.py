import cv2
import numpy as np
import pytest

from mmdepthseg.selection.files import find_images
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
