"""Files that are there whole or not at all."""

import errno
import fcntl
import os
import resource
import time

import numpy as np
import pytest

from mmdepthseg.launch.errors import describe_error
from mmdepthseg.utils import UserError
from mmdepthseg.utils.files import (
    atomic_path,
    file_hash,
    read_array,
    read_json,
    read_json_lines,
    read_text,
    remove_leftovers,
    write_atomically,
)


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / 'new/a.txt'
    write_atomically(path, b'one')
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_bytes(b'tw')
        raise KeyboardInterrupt
    assert path.read_bytes() == b'one' and list(path.parent.iterdir()) == [path]
    write_atomically(path, b'two')
    assert path.read_bytes() == b'two' and list(path.parent.iterdir()) == [path]


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    path = tmp_path / 'a.txt'
    with atomic_path(path) as one, atomic_path(path) as other:
        assert one != other and one.parent == other.parent == tmp_path
        one.write_bytes(b'one')
        other.write_bytes(b'other')
        write_atomically(path, b'third')
        assert one.exists() and other.exists()
    assert path.read_bytes() == b'one'


def test_the_temporary_file_may_be_elsewhere(tmp_path):
    (tmp_path / 'parts').mkdir()
    with atomic_path(tmp_path / 'a.txt', tmp_path / 'parts') as temporary:
        assert temporary.parent == tmp_path / 'parts'
        temporary.write_bytes(b'whole')
    assert (tmp_path / 'a.txt').read_bytes() == b'whole'


def test_leftovers_go_and_living_files_stay(tmp_path):
    kept = tmp_path / 'city/a.png'
    write_atomically(kept, b'whole')
    with atomic_path(kept) as living:
        living.write_bytes(b'half')
        stale = kept.with_name('a.png.tmp-1')
        stale.write_bytes(b'half')
        long_ago = time.time() - 86400
        os.utime(stale, (long_ago, long_ago))
        remove_leftovers(tmp_path)
        assert set(kept.parent.iterdir()) == {kept, living}


def test_hash(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    assert file_hash(tmp_path / 'a').startswith('ba7816bf8f01cfea')


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, 'No space left on device')

    path = tmp_path / 'iter_1.pth'
    path.write_bytes(b'old')
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space.*iter_1.pth') as caught:
        write_atomically(path, b'new', durable=True)
    assert describe_error(caught.value) == f'{path}: No space left on device'
    assert [file.name for file in tmp_path.iterdir()] == ['iter_1.pth']
    assert path.read_bytes() == b'old'


def test_durable_file_is_flushed_before_it_is_renamed(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda fd: (done.append('sync'), sync(fd)))
    monkeypatch.setattr(os, 'replace', lambda *a: (done.append('name'), replace(*a)))
    write_atomically(tmp_path / 'a', b'x', durable=True)
    assert done == ['sync', 'name', 'sync']
    write_atomically(tmp_path / 'a', b'x')
    assert done[3:] == ['name']


def test_text_is_utf_8(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbf\xc3\xa4\r\n')
    assert read_text(path) == '\u00e4\r\n'
    path.write_bytes(b'P2: 1 # M\xfcnchen')
    with pytest.raises(UserError, match='a.txt'):
        read_text(path)
    assert read_text(path, tolerant=True).startswith('P2: 1 ')


def test_json_has_its_type_and_depth(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": [1]}')
    assert read_json(path, dict) == {'a': [1]}
    with pytest.raises(UserError, match='a.json.*list'):
        read_json(path, list)
    path.write_text('[' * 99 + ']' * 99)
    read_json(path)
    for depth in (101, 100_000):
        path.write_text('[' * depth + ']' * depth)
        with pytest.raises(UserError, match='a.json.*deeply'):
            read_json(path)


def test_what_a_kill_left_of_a_log(tmp_path):
    path = tmp_path / 'scalars.json'
    path.write_text('{"a": 1}\n\n{"a": 2}\n{"a"')
    assert read_json_lines(path) == [{'a': 1}, {'a': 2}]
    path.write_text('{"a": 1}\n{"a"\n{"a": 2}\n')
    with pytest.raises(UserError, match='scalars.json, line 2'):
        read_json_lines(path)


def test_arrays(tmp_path):
    one, several = tmp_path / 'a.npy', tmp_path / 'a.npz'
    np.save(one, np.arange(3))
    np.savez(several, b=np.arange(2))
    assert read_array(one).tolist() == [0, 1, 2]
    assert read_array(several, 'b').tolist() == [0, 1]
    for wrong in (
        (several,), (several, 'c'), (one, 'b'), (tmp_path / 'a.np',), (tmp_path,)
    ):  # fmt: skip
        with pytest.raises(UserError, match=str(wrong[0])):
            read_array(*wrong)


def test_a_file_that_is_still_written_stays(tmp_path):
    """However old it looks: the clock may have jumped, or the disk been slow."""
    with atomic_path(tmp_path / 'a.npy') as living:
        living.write_bytes(b'half')
        os.utime(living, (0, 0))
        remove_leftovers(tmp_path)
        assert living.exists()
    assert [path.name for path in tmp_path.iterdir()] == ['a.npy']


def test_recent_is_meant_by_the_clock_of_the_disk(tmp_path, monkeypatch):
    """A machine whose clock is a day ahead removes nothing of the others."""
    young = tmp_path / 'a.npy.tmp-1'
    young.write_bytes(b'half')
    monkeypatch.setattr(time, 'time', lambda: young.stat().st_mtime + 86400)
    remove_leftovers(tmp_path)
    assert young.exists()


def test_what_a_process_of_this_machine_left_goes_at_once(tmp_path):
    path, other = tmp_path / 'a.npy', tmp_path / 'b.npy'
    for one in (path, other):
        if not (child := os.fork()):
            with atomic_path(one) as temporary:
                temporary.write_bytes(b'half')
                os.kill(os.getpid(), 9)
        os.waitpid(child, 0)
    left = sorted(tmp_path.iterdir())
    elsewhere = tmp_path / f'{left[0].name[:-8]}00000000'
    elsewhere.write_bytes(b'half')
    with atomic_path(path) as living:
        remove_leftovers(path)
        assert sorted(tmp_path.iterdir()) == sorted([living, left[1], elsewhere])
        remove_leftovers(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([living, elsewhere])


def test_a_part_with_its_suffix_is_removed_too(tmp_path):
    path, mine = tmp_path / 'a.mp4', tmp_path / 'b.tmp-20240131.mp4'
    mine.write_bytes(b'mine')
    if not (child := os.fork()):
        with atomic_path(path, keep_suffix=True) as temporary:
            temporary.write_bytes(b'half')
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    os.utime(mine, (0, 0))
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_path(path, keep_suffix=True) as living:
        assert living.suffix == '.mp4'
        remove_leftovers(tmp_path)
        assert {*tmp_path.iterdir()} == {living, mine}


def test_a_part_removed_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    lock = fcntl.flock

    def late(descriptor, operation):
        monkeypatch.undo()
        remove_leftovers(tmp_path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, 'flock', late)
    write_atomically(tmp_path / 'a', b'whole')
    assert (tmp_path / 'a').read_bytes() == b'whole'


def test_links_and_pipes_stay(tmp_path):
    (tmp_path / 'mine').write_bytes(b'mine')
    os.utime(tmp_path / 'mine', (0, 0))
    (tmp_path / 'a.tmp-1').symlink_to('mine')
    os.mkfifo(tmp_path / 'b.tmp-1')
    os.utime(tmp_path / 'b.tmp-1', (0, 0))
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'mine', 'a.tmp-1', 'b.tmp-1'}


def test_a_planted_link_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr('secrets.token_hex', lambda count: '0' * 8)
    mine, path = tmp_path / 'mine', tmp_path / 'a.txt'
    mine.write_bytes(b'mine')
    with atomic_path(path) as temporary:
        pass
    planted = tmp_path / temporary.name
    path.unlink()
    planted.symlink_to(mine)
    with pytest.raises(FileExistsError, match='a.txt'):
        write_atomically(path, b'new')
    assert mine.read_bytes() == b'mine' and planted.is_symlink()


@pytest.fixture
def little_space():
    """Files of this process cannot grow beyond 4 KiB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_named_and_leaves_no_part(tmp_path, little_space):
    from mmdepthseg.apis.pool import save_array

    array = np.zeros(10_000)
    for write in (
        lambda path: write_atomically(path, array.tobytes()),
        lambda path: save_array(path, array),
    ):
        with pytest.raises(OSError) as caught:
            write(tmp_path / 'a.npy')
        assert describe_error(caught.value).startswith(f'{tmp_path}/a.npy: ')
        assert not [*tmp_path.iterdir()]
