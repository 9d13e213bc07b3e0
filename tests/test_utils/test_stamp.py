"""Stamps: used again, gone on with, or named."""

import json

import pytest

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.stamp import StampedFolder


def folder(tmp_path, **made_with):
    return StampedFolder(
        tmp_path / 'f', 'the features', dict(a=1, size=(4, 8)) | made_with
    )


def test_complete_partial_and_absent(tmp_path):
    work = folder(tmp_path)
    assert not work.begin()
    (work.folder / 'part').write_text('half')
    assert not folder(tmp_path).begin() and (work.folder / 'part').exists()
    assert not folder(tmp_path).read_facts()
    work.finish(sha256='x')
    again = folder(tmp_path)
    assert again.begin() and again.facts == dict(sha256='x')
    assert folder(tmp_path).read_facts() and not folder(tmp_path, a=2).read_facts()


def test_what_changed_is_named(tmp_path):
    folder(tmp_path).begin()
    (tmp_path / 'f/part').write_text('old')
    message = (
        r'f holds the features made with something else: a \(then 1, now 2\); '
        r'new \(then None, now 3\)\. Give another folder \(--out, '
        r'--teacher-dir\), or --overwrite'
    )
    with pytest.raises(UserError, match=message):
        folder(tmp_path, a=2, new=3).begin()
    with pytest.raises(UserError, match='else: model. Give') as error:
        folder(tmp_path, model='x' * 99).begin()
    assert 'xxx' not in str(error.value)
    assert (tmp_path / 'f/part').exists()
    assert not folder(tmp_path, a=2).begin(overwrite=True)
    assert not (tmp_path / 'f/part').exists()


def test_files_of_others_stay(tmp_path):
    (tmp_path / 'f').mkdir()
    (tmp_path / 'f/holiday.jpg').write_text('')
    for overwrite in (False, True):
        with pytest.raises(UserError, match='holds other files'):
            folder(tmp_path).begin(overwrite)
    assert (tmp_path / 'f/holiday.jpg').exists()


@pytest.mark.parametrize('text', ['{', '[]', '3', '{"complete": true}'])
def test_damaged_stamp(tmp_path, text):
    folder(tmp_path).begin()
    (tmp_path / 'f/stamp.json').write_text(text)
    with pytest.raises(UserError, match='stamp.json: damaged'):
        folder(tmp_path).begin()


def test_stamp_can_be_read_by_a_person(tmp_path):
    folder(tmp_path).begin()
    stamp = json.loads((tmp_path / 'f/stamp.json').read_text())
    assert stamp['what'] == 'the features' and stamp['made_with']['size'] == [4, 8]
