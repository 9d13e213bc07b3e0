"""Stamps: used again, gone on with, or named."""

import json

import pytest

from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.stamp import BEGUN, DONE, MISSING, Stamp


def folder(tmp_path, **made_with):
    return StampedFolder(
        tmp_path / 'f', 'the features', dict(a=1, size=(4, 8)) | made_with
    )


def test_complete_partial_and_absent(tmp_path):
    work = folder(tmp_path)
    assert not work.begin()
    (work.folder / 'part').write_text('half')
    assert not folder(tmp_path).begin() and (work.folder / 'part').exists()
    assert not folder(tmp_path).is_done()
    work.finish(sha256='x')
    again = folder(tmp_path)
    assert again.begin() and again.facts == dict(sha256='x')
    assert folder(tmp_path).is_done() and not folder(tmp_path, a=2).is_done()


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
        with pytest.raises(UserError, match='holiday.jpg'):
            folder(tmp_path).begin(overwrite)
    assert (tmp_path / 'f/holiday.jpg').exists()


@pytest.mark.parametrize('text', ['{', '[]', '3', '{"complete": true}'])
def test_damaged_stamp(tmp_path, text):
    folder(tmp_path).begin()
    (tmp_path / 'f/stamp.json').write_text(text)
    (tmp_path / 'f/features').write_text('of hours')
    (tmp_path / 'f.damaged-1').touch()
    with pytest.raises(UserError, match='stamp.json: damaged'):
        folder(tmp_path).look()
    with pytest.warns(UserWarning, match='stamp.json: damaged.*f.damaged-2'):
        assert not folder(tmp_path).begin()
    assert [p.name for p in (tmp_path / 'f').iterdir()] == ['stamp.json']
    assert (tmp_path / 'f.damaged-2/features').read_text() == 'of hours'
    assert (tmp_path / 'f.damaged-2/stamp.json').read_text() == text


def test_stamp_can_be_read_by_a_person(tmp_path):
    folder(tmp_path).begin()
    stamp = json.loads((tmp_path / 'f/stamp.json').read_text())
    assert stamp['what'] == 'the features' and stamp['made_with']['size'] == [4, 8]


def stamp(tmp_path, seed=1, **options):
    made_with = dict(version=2, options=dict(seed=seed, size=(4, 8)))
    return Stamp(tmp_path / 's.json', 'the streets', made_with, **options)


def test_a_flat_stamp_says_what_it_is_of(tmp_path):
    assert stamp(tmp_path).look() == MISSING
    assert not stamp(tmp_path).begin()
    work = stamp(tmp_path)
    assert work.look() == BEGUN and not work.is_done()
    work.note(counts=dict(train=3))
    work.finish(rate=17.0)
    assert json.loads((tmp_path / 's.json').read_text()) == dict(
        version=2,
        options=dict(seed=1, size=[4, 8]),
        complete=True,
        counts=dict(train=3),
        rate=17.0,
    )
    again = stamp(tmp_path)
    assert again.begin() and again.facts == dict(counts=dict(train=3), rate=17.0)
    other = stamp(tmp_path, seed=2)
    assert other.look() == DONE and other.changed == ['options.seed (then 1, now 2)']
    assert not other.is_done()
    with pytest.raises(UserError, match=r'the streets.*options\.seed'):
        other.begin()
    assert not other.begin(overwrite=True) and other.facts == {}
    assert stamp(tmp_path, seed=2).look() == BEGUN


def test_the_file_is_there_only_while_the_thing_is_whole(tmp_path):
    names = dict(partial=tmp_path / 's.partial.json')

    def found():
        return sorted(path.name for path in tmp_path.iterdir())

    work = stamp(tmp_path, **names)
    assert not work.begin() and found() == ['s.partial.json']
    work.finish(rate=17.0)
    assert found() == ['s.json']
    assert 'complete' not in json.loads((tmp_path / 's.json').read_text())
    assert stamp(tmp_path, **names).begin()
    work.note()
    assert found() == ['s.partial.json']
    again = stamp(tmp_path, **names)
    assert again.look() == BEGUN and again.facts == dict(rate=17.0)
    again.clear()
    assert found() == []


def test_what_is_there_without_a_stamp_is_not_ours(tmp_path):
    taken = [tmp_path / 'absent', tmp_path / 'images']
    taken[1].mkdir()
    with pytest.raises(UserError, match='images, without s.json'):
        stamp(tmp_path).begin(overwrite=True, taken=taken)
    stamp(tmp_path).begin(taken=taken[:1])
    assert not stamp(tmp_path).begin(taken=taken)


@pytest.mark.parametrize('text', ['{', '[]', '3', '{"complete": true}'])
def test_a_damaged_stamp_counts_as_none_where_that_is_wanted(tmp_path, text):
    (tmp_path / 's.json').write_text(text)
    with pytest.raises(UserError, match='s.json: damaged'):
        stamp(tmp_path).begin()
    assert stamp(tmp_path, tolerant=True).look() == MISSING
    assert not stamp(tmp_path, tolerant=True).begin()
    assert stamp(tmp_path).look() == BEGUN


def test_not_all_of_many_differences_are_listed(tmp_path):
    before = {f'key{number}': 1 for number in range(20)}
    Stamp(tmp_path / 's.json', 'it', before).begin()
    with pytest.raises(UserError, match='key7 .* and 12 more') as error:
        Stamp(tmp_path / 's.json', 'it', dict.fromkeys(before, 2)).begin()
    assert 'key8' not in str(error.value)
