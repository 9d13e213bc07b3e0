"""Pictures, and files that are none."""

import numpy as np
import pytest
from helpers.images import huge_headers, write_image

from mmdepthseg.selection.page.picks import make_thumbnail
from mmdepthseg.streets.check import _read_image
from mmdepthseg.utils import UserError
from mmdepthseg.utils.pictures import read_picture, write_picture


def test_a_picture_is_read(tmp_path):
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    write_image(tmp_path / '\u00e4.png', image)
    np.testing.assert_array_equal(read_picture(tmp_path / '\u00e4.png'), image)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tif', ''])
def test_what_cannot_be_read(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    for content in (huge_headers().get(suffix, b'x'), b''):
        path.write_bytes(content)
        assert read_picture(path) is None
        assert make_thumbnail(path) is None
        with pytest.raises(UserError, match=path.name):
            _read_image(path)
    assert read_picture(tmp_path / 'absent.png') is None


@pytest.mark.parametrize('name', ['a', 'a.xyz'])
def test_a_suffix_without_a_format(tmp_path, name):
    with pytest.raises(UserError, match=f'{name}: no format has that suffix.*png'):
        write_picture(tmp_path / name, np.zeros((2, 2, 3), np.uint8))
    assert not [*tmp_path.iterdir()]
