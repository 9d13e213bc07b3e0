"""Which checkpoint a run goes on from."""

import os
import shutil

import pytest
import torch
from helpers.planted import plant

from mmdepthseg.checkpoints import latest
from mmdepthseg.checkpoints.latest import newest_whole
from mmdepthseg.utils import UserError


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(latest, 'print_log', lambda text, **_: texts.append(text))
    return texts


@pytest.fixture
def run(tmp_path):
    """A work dir with checkpoints 2, 4 and 6, the pointer at the last."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for time, step in enumerate((2, 4, 6)):
        save(folder / f'iter_{step}.pth', step, 10 + time)
    save(folder / 'best_mIoU_iter_9.pth', 9, 13)
    point(folder, folder / 'iter_6.pth', 14)
    return folder


def save(path, step, time):
    torch.save(dict(meta=dict(iter=step, epoch=0), state_dict={}), path)
    os.utime(path, (time, time))


def point(folder, path, time):
    (folder / 'last_checkpoint').write_text(str(path))
    os.utime(folder / 'last_checkpoint', (time, time))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def test_the_last_one(run, said):
    assert newest_whole(run) == str(run / 'iter_6.pth')
    assert len(said) == 1 and 'iter_6.pth' in said[0]


def test_newest_file_is_cut(run, said):
    cut(run / 'iter_6.pth')
    assert newest_whole(run) == str(run / 'iter_4.pth')
    assert 'iter_6.pth' in said[0] and 'iter_4.pth' in said[1]
    cut(run / 'iter_4.pth')
    (run / 'iter_2.pth').write_bytes(b'')
    assert newest_whole(run) is None
    assert 'a new run starts' in said[-1]


@pytest.mark.parametrize('content', ['', '\0\0\0', None, '/gone/iter_4.pth', 'x'])
def test_pointer_that_names_nothing(run, said, content):
    (run / 'last_checkpoint').unlink()
    if content is not None:
        point(run, content, 14)
    wanted = 'iter_4.pth' if content == '/gone/iter_4.pth' else 'iter_6.pth'
    assert newest_whole(run) == str(run / wanted)
    assert 'last_checkpoint' in said[-1]


def test_folder_that_was_moved(run, said, tmp_path):
    moved = tmp_path / 'moved'
    shutil.copytree(run, moved, copy_function=shutil.copy2)
    assert newest_whole(moved) == str(moved / 'iter_6.pth')
    for path in moved.glob('*.pth'):
        path.unlink()
    assert newest_whole(moved) is None  # of a copy, the original does not count
    shutil.rmtree(run)
    assert newest_whole(moved) is None


def test_pointer_to_a_file_that_is_gone(run, said):
    (run / 'iter_6.pth').unlink()
    assert newest_whole(run) == str(run / 'iter_4.pth')


def test_killed_before_the_pointer_was_written(run):
    point(run, run / 'iter_4.pth', 11)
    assert newest_whole(run) == str(run / 'iter_6.pth')


def test_rest_of_an_earlier_run(run):
    """A run that was started again in the same folder is not mistaken for it."""
    save(run / 'iter_2.pth', 2, 20)
    point(run, run / 'iter_2.pth', 21)
    assert newest_whole(run) == str(run / 'iter_2.pth')


def test_other_names_and_places(run, tmp_path):
    other = tmp_path / 'other/run'  # as MMEngine's hook makes it of `out_dir`
    other.mkdir(parents=True)
    save(other / 'mine.pth', 3, 20)
    point(run, other / 'mine.pth', 21)
    assert newest_whole(run, tmp_path / 'other') == str(other / 'mine.pth')
    point(run, 's3://bucket/iter_9.pth', 22)
    assert newest_whole(run) == 's3://bucket/iter_9.pth'


def test_weights_alone_are_not_a_training(run, said):
    torch.save(dict(state_dict={}), run / 'iter_8.pth')
    assert newest_whole(run) == str(run / 'iter_6.pth')
    assert 'iter_8.pth' in said[0]


def test_planted_file_is_refused_not_passed_over(run, tmp_path):
    plant(run / 'iter_8.pth', tmp_path / 'ran')
    with pytest.raises(UserError, match='iter_8.pth.*makedirs'):
        newest_whole(run)
    assert not (tmp_path / 'ran').exists()


def test_nothing_there(tmp_path, said):
    assert newest_whole(tmp_path) is None
    assert newest_whole(tmp_path / 'gone') is None
