"""What tells a pool from another one: contents, which are read once."""

import json
import os
import shutil
from unittest.mock import Mock

import pytest

from mmdepthseg.apis import fingerprint as module
from mmdepthseg.apis.fingerprint import HASHES, fingerprint, fingerprint_by_time
from mmdepthseg.apis.pool import ImagePool
from mmdepthseg.utils.files import file_hash, read_json


class Images:
    """A data set of the files of a folder."""

    def __init__(self, folder):
        self.paths = sorted(folder.glob('*.png'))

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        path = self.paths[index]
        return dict(img_id=path.stem, img_path=str(path))


@pytest.fixture
def images(tmp_path):
    (tmp_path / 'images').mkdir()
    for name in 'abc':
        (tmp_path / f'images/{name}.png').write_bytes(name.encode())
    return tmp_path / 'images'


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read."""
    hashes = Mock(side_effect=file_hash)
    monkeypatch.setattr(module, 'file_hash', hashes)

    def names():
        found = [os.path.basename(call.args[0]) for call in hashes.call_args_list]
        hashes.reset_mock()
        return found

    return names


@pytest.mark.parametrize('chunk', [1, 2, 100])
def test_contents_count_and_times_do_not(images, tmp_path, read, monkeypatch, chunk):
    monkeypatch.setattr(module, '_CHUNK', chunk)
    out = tmp_path / 'out'
    before = fingerprint(ImagePool(Images(images)), out)
    assert read() == ['a.png', 'b.png', 'c.png']
    assert fingerprint(ImagePool(Images(images)), out) == before and not read()
    os.utime(images / 'b.png', ns=(1, 1))
    assert fingerprint(ImagePool(Images(images)), out) == before
    assert read() == ['b.png']  # and its new time is kept
    assert fingerprint(ImagePool(Images(images)), out) == before and not read()
    copy = shutil.copytree(images, tmp_path / 'copy')
    assert fingerprint(ImagePool(Images(copy)), out) == before
    (images / 'c.png').write_bytes(b'x')
    os.utime(images / 'c.png', ns=(2, 2))
    assert fingerprint(ImagePool(Images(images)), out) != before


def test_a_second_folder_reads_nothing(images, tmp_path, read):
    pool = ImagePool(Images(images))
    first = fingerprint(pool, tmp_path / 'teacher')
    assert read() and fingerprint(pool, tmp_path / 'out') == first and not read()


def test_names_and_missing_files_count(images, tmp_path):
    before = fingerprint(ImagePool(Images(images)), tmp_path)
    pool = ImagePool(Images(images))
    (images / 'a.png').rename(images / 'd.png')
    assert fingerprint(ImagePool(Images(images)), tmp_path) != before
    assert fingerprint(pool, tmp_path) != before  # a.png, which is not there


def test_damaged_hashes_are_made_again(images, tmp_path):
    before = fingerprint(ImagePool(Images(images)), tmp_path)
    for text in ('{', '[]', '{"a": 1}', '{"a": {"sha256": 1}}'):
        (tmp_path / HASHES).write_text(text)
        assert fingerprint(ImagePool(Images(images)), tmp_path) == before


def test_a_hash_that_is_none_is_not_believed(images, tmp_path, read):
    before = fingerprint(ImagePool(Images(images)), tmp_path)
    content = read_json(tmp_path / HASHES)
    for damage in (None, 3):
        content['b']['sha256'] = damage
        (tmp_path / HASHES).write_text(json.dumps(content))
        read()
        assert fingerprint(ImagePool(Images(images)), tmp_path) == before
        assert read() == ['b.png']


def test_pools_share_a_folder(images, tmp_path, read):
    before = fingerprint(ImagePool(Images(images)), tmp_path)
    other = shutil.copytree(images, tmp_path / 'other')
    for path in other.iterdir():
        path.rename(path.with_stem(f'other_{path.stem}'))
    fingerprint(ImagePool(Images(other)), tmp_path)
    assert len(read()) == 6
    assert fingerprint(ImagePool(Images(images)), tmp_path) == before and not read()


def test_earlier_versions_went_by_time(images):
    pool = ImagePool(Images(images))
    before = fingerprint_by_time(pool)
    assert fingerprint_by_time(pool) == before
    os.utime(images / 'b.png', ns=(1, 1))
    assert fingerprint_by_time(pool) != before
