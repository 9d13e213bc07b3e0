"""Expected errors become one message; defects keep their traceback."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.visualization import LocalVisBackend
from torch.utils.data import DataLoader, Dataset

from mmdepthseg.launch.errors import describe_error, friendly_errors
from mmdepthseg.utils import UserError, did_you_mean


def fail_with(error: BaseException) -> None:
    with friendly_errors():
        raise error


def test_user_error_is_one_line_with_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        fail_with(UserError('sky: too blue; paint it'))
    assert stop.value.code == 2
    assert capsys.readouterr().err == 'error: sky: too blue; paint it\n'


def test_rank_is_named(capsys, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    with pytest.raises(SystemExit):
        fail_with(UserError('x'))
    assert capsys.readouterr().err == '[rank 1] error: x\n'


def test_interrupt_ends_quietly(capsys):
    with pytest.raises(SystemExit) as stop:
        fail_with(KeyboardInterrupt())
    assert stop.value.code == 130
    assert capsys.readouterr().err == '\ninterrupted\n'


@pytest.mark.parametrize('unbuffered', ['', '1'])
@pytest.mark.parametrize('closed', ['pipe', 'stdout'])
@pytest.mark.parametrize(
    'end, rc, message',
    [
        ('', 141, b''),
        ('raise SystemExit(1)', 1, b''),
        ('raise UserError("x")', 2, b'error: x\n'),
    ],
)
def test_output_that_nobody_reads(unbuffered, closed, end, rc, message):
    code = (
        'from mmdepthseg.launch.errors import friendly_errors\n'
        'from mmdepthseg.utils.errors import UserError\n'
        f'with friendly_errors():\n    print("figures")\n    {end}'
    )
    command = [sys.executable, '-c', code]
    if closed == 'stdout':  # print does nothing then
        command = ['sh', '-c', 'exec "$@" >&-', 'sh', *command]
    there, here = os.pipe()
    os.close(there)
    done = subprocess.run(
        command,
        stdout=here,
        stderr=subprocess.PIPE,
        env={**os.environ, 'PYTHONUNBUFFERED': unbuffered},
        check=False,
    )
    os.close(here)
    if closed == 'stdout' and not end:
        rc = 0
    elif closed == 'pipe' and unbuffered:  # already by print
        rc, message = 141, b''
    assert (done.returncode, done.stderr) == (rc, message)


def test_other_pipes_keep_their_traceback(capsys):
    with pytest.raises(BrokenPipeError):
        fail_with(BrokenPipeError(32, 'of a worker'))


@pytest.mark.parametrize('error', [ValueError('v'), KeyError('k'), OSError('o')])
def test_errors_of_other_code_keep_their_traceback(error):
    with pytest.raises(type(error)):
        fail_with(error)


def test_debug_shows_everything(monkeypatch):
    with pytest.raises(UserError), friendly_errors(debug=True):
        raise UserError('x')
    monkeypatch.setenv('MMDEPTHSEG_DEBUG', '1')
    with pytest.raises(UserError):
        fail_with(UserError('x'))


def test_missing_file_names_the_file(tmp_path, capsys):
    with pytest.raises(SystemExit), friendly_errors():
        (tmp_path / 'frames.txt').read_text()
    assert f'{tmp_path}/frames.txt: No such file' in capsys.readouterr().err


def test_deliberate_errors_of_this_package_are_expected():
    from mmdepthseg.engine.hooks import CheckCheckpointHook

    with pytest.raises(ValueError) as caught:
        CheckCheckpointHook(min_share=7)
    assert describe_error(caught.value) == 'min_share must be in 0..1, got 7'


def test_defects_of_this_package_are_not():
    from mmdepthseg.frameworks import parse_version

    with pytest.raises(AttributeError) as caught:
        parse_version(None)
    assert describe_error(caught.value) is None


def test_a_full_disk_under_logs_of_mmengine_is_named(tmp_path):
    backend = LocalVisBackend(str(tmp_path))
    backend.add_scalar('loss', 1.0, 1)  # makes the folder
    (log,) = tmp_path.glob('**/scalars.json')
    log.unlink()
    log.symlink_to('/dev/full')
    with pytest.raises(OSError) as caught:
        backend.add_scalar('loss', 1.0, 2)
    assert caught.value.filename is None
    assert describe_error(caught.value).startswith(f'{log}: No space')


class Samples(Dataset):
    """Fails in one of several ways."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        if self.kind == 'user':
            raise UserError('a/b.png: not an image\n  take another')
        if self.kind == 'chained':
            try:
                raise UserError('a.png: damaged')
            except UserError as error:
                raise UserError('b.png: gone') from error
        if self.kind == 'ours':
            from mmdepthseg.engine.hooks import NonFiniteLossHook

            NonFiniteLossHook(interval=0)
        if self.kind == 'file':
            open('/no/such/file.png')
        return {}['defect']


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('chained', 'b.png: gone'),
        ('user', 'a/b.png: not an image\n  take another'),
        ('ours', 'interval must be at least 1, got 0'),
        ('file', "No such file or directory: '/no/such/file.png'"),
        ('defect', None),
    ],
)
def test_errors_of_loader_workers(kind, expected):
    loader = DataLoader(Samples(kind), num_workers=1)
    with pytest.raises(Exception) as caught:
        next(iter(loader))
    message = describe_error(caught.value)
    if expected is None:
        assert message is None
    else:
        assert message.endswith(expected)
        assert 'Traceback' not in message


def test_did_you_mean():
    assert did_you_mean('lrr', ['lr', 'momentum']) == "; did you mean 'lr'?"
    assert did_you_mean('weights', ['lr']) == ''


class Killed(Dataset):
    """Its workers are killed, as by a machine without memory."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_one_line(capsys):
    loader = DataLoader(Killed(), num_workers=1)
    with pytest.raises(SystemExit) as stop, friendly_errors():
        next(iter(loader))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'DataLoader worker (pid' in line and 'num_workers' in line


def test_a_machine_without_memory(capsys):
    for allocate in (lambda: np.empty(2**60, np.uint8), lambda: torch.empty(2**50)):
        with pytest.raises(SystemExit), friendly_errors():
            allocate()
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith('error: this machine ran out of memory')
    with pytest.raises(SystemExit), friendly_errors():
        raise torch.OutOfMemoryError('CUDA out of memory. Tried ...')
    assert 'the device ran out of memory' in capsys.readouterr().err
