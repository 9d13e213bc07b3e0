"""Stages on this machine: order, skipping, what changes, failures, who may."""

import os
import select
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from helpers.stopped_runner import stopped_runner
from helpers.tiny_stages import order, read, stage

from mmdepthseg.experiments import run as run_module
from mmdepthseg.experiments.run import StageRunner, local_places, lock_folder
from mmdepthseg.experiments.stage import Stage, StageBook
from mmdepthseg.utils.errors import UserError


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch):
    monkeypatch.setattr(run_module, 'POLL_SECONDS', 0.02)


def run(stages, tmp_path, **options):
    """Run them; returns the order in which they ran so far."""
    book = StageBook(stages, tmp_path / 'work')
    book.folder.mkdir(exist_ok=True)
    StageRunner(book, **options).run()
    return order(tmp_path)


def test_runs_in_order_of_need_and_only_once(tmp_path):
    stages = [stage('first', tmp_path), stage('second', tmp_path, ['first'])]
    assert run(stages, tmp_path, places=[{}, {}]) == ['first', 'second']
    assert run(stages, tmp_path) == ['first', 'second']


def test_a_changed_file_redoes_what_depends_on_it(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    stages = [
        stage('first', tmp_path, reads=[config]),
        stage('second', tmp_path, ['first']),
        stage('other', tmp_path),
    ]
    run(stages, tmp_path)
    config.write_text('a = 2')
    assert sorted(run(stages, tmp_path)) == [
        'first',
        'first',
        'other',
        'second',
        'second',
    ]


def test_a_lost_output_redoes_the_stage(tmp_path):
    stages = [stage('first', tmp_path)]
    run(stages, tmp_path)
    (tmp_path / 'first.out').unlink()
    assert run(stages, tmp_path) == ['first', 'first']


def test_a_failure_names_stage_and_log_and_is_not_stamped(tmp_path):
    stages = [
        stage('bad', tmp_path, fail=True),
        stage('after', tmp_path, ['bad']),
    ]
    with pytest.raises(UserError, match=r'bad\.log'):
        run(stages, tmp_path)
    assert order(tmp_path) == ['bad']
    with pytest.raises(UserError, match='bad'):
        run(stages, tmp_path)


def test_a_missing_output_is_a_failure(tmp_path):
    lost = Stage(
        'lost',
        ((sys.executable, '-S', '-c', ''),),
        partial(read, ['key']),
        outputs=('nowhere.out',),
    )
    with pytest.raises(UserError, match='nowhere.out'):
        run([lost], tmp_path)


def test_a_stage_goes_on_after_a_failure_in_its_folder(tmp_path):
    """As a training does with --resume; with another key it starts from nothing."""
    folder, seed = tmp_path / 'folder', tmp_path / 'seed'
    code = (
        'import pathlib, sys\n'
        f"folder = pathlib.Path(r'{folder}')\n"
        'folder.mkdir(exist_ok=True)\n'
        "file = folder / 'steps'\n"
        "file.write_text((file.read_text() if file.exists() else '') + 'step ')\n"
        f"sys.exit(int((folder.parent / 'stop').exists()))"
    )
    stages = [
        Stage(
            'train',
            ((sys.executable, '-S', '-c', code),),
            partial(read, [seed]),
            folder=str(folder),
        )
    ]
    seed.write_text('7')
    (tmp_path / 'stop').touch()
    with pytest.raises(UserError):
        run(stages, tmp_path)
    (tmp_path / 'stop').unlink()
    run(stages, tmp_path)
    assert (folder / 'steps').read_text().split() == ['step'] * 2
    seed.write_text('8')
    run(stages, tmp_path)
    assert (folder / 'steps').read_text().split() == ['step']


def test_a_failure_does_not_stop_the_others_if_asked(tmp_path, capsys):
    stages = [
        stage('bad', tmp_path, fail=True),
        stage('after', tmp_path, ['bad']),
        stage('last', tmp_path, ['after']),
        stage('other', tmp_path),
    ]
    book = StageBook(stages, tmp_path / 'work')
    book.folder.mkdir()
    StageRunner(book, keep_going=True).run()
    assert order(tmp_path) == ['bad', 'other']
    assert set(book.failed) == {'bad', 'after', 'last'}
    assert book.states()['other'] == 'done'
    assert 'exit code 1' in book.failed['bad']
    assert 'needs bad' in book.failed['after']
    assert '[bad] FAILED' in capsys.readouterr().out


def test_a_stage_that_cannot_begin_does_not_stop_the_others(tmp_path, capsys):
    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / 'thesis.txt').touch()
    stages = [
        replace(stage('first', tmp_path), folder=str(foreign)),
        stage('second', tmp_path),
    ]
    assert run(stages, tmp_path, keep_going=True) == ['second']
    assert 'first] FAILED' in capsys.readouterr().out
    with pytest.raises(UserError, match='first failed: .*foreign'):
        run(stages, tmp_path)


def test_each_place_takes_a_stage_at_a_time(tmp_path):
    code = "import os; open(os.environ['OUT'], 'a').write(os.environ['PLACE'])"
    both = [
        Stage(name, ((sys.executable, '-S', '-c', code),), partial(read, [name]))
        for name in 'ab'
    ]
    places = [dict(OUT=str(tmp_path / f'{i}'), PLACE=str(i)) for i in range(2)]
    run(both, tmp_path, places=places)
    assert [(tmp_path / f'{i}').read_text() for i in range(2)] == ['0', '1']


def test_places_share_the_cores_and_the_users_settings_count(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS')
    assert [p['OMP_NUM_THREADS'] for p in local_places(3, cpus=8)] == ['2'] * 3
    places = local_places(gpus=['0', '0'], cpus=1)
    assert [p['CUDA_VISIBLE_DEVICES'] for p in places] == ['0', '0']
    assert places[0]['OMP_NUM_THREADS'] == '1'
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    assert local_places(2, cpus=8)[0]['OMP_NUM_THREADS'] == '5'


def test_one_runner_at_a_time_has_the_folder(tmp_path):
    with lock_folder(tmp_path):
        with pytest.raises(UserError, match=str(tmp_path)):
            lock_folder(tmp_path)
    lock_folder(tmp_path).close()


#: A stage with a worker, which ignores SIGTERM. Both hold the end of a pipe.
STUBBORN = """
import os, signal, sys
stubborn, up = sys.argv[1] == 'stubborn', open(sys.argv[2], 'w')
worker = not os.fork()
if worker or stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
up.write('.')
up.flush()
signal.pause()
"""


@pytest.mark.parametrize(
    ('kind', 'signals', 'code'),
    [('quiet', [15], 143), ('quiet', [2], 130), ('stubborn', [15, 2], 143)],
)
def test_a_signal_leaves_no_process(kind, signals, code, tmp_path, monkeypatch):
    """Neither a stage nor a worker of one that does not hear."""
    monkeypatch.setattr(run_module, 'WORKER_SECONDS', 0.2)
    command = (sys.executable, '-S', '-c', STUBBORN, kind)
    assert stopped_runner(command, signals, tmp_path) == code


def test_a_process_that_outlives_its_runner_keeps_the_folder(tmp_path):
    """A runner that is killed leaves its processes behind."""
    up = tmp_path / 'up'
    os.mkfifo(up)
    read_end = os.open(up, os.O_RDONLY | os.O_NONBLOCK)
    wait = f"import sys; open(r'{up}', 'w').write('up'); sys.stdin.read()"
    code = (
        'from pathlib import Path\n'
        'from mmdepthseg.experiments.run import StageRunner, lock_folder\n'
        'from mmdepthseg.experiments.stage import Stage, StageBook\n'
        f"folder = Path(r'{tmp_path}')\n"
        f"stage = Stage('a', (({sys.executable!r}, '-c', {wait!r}),), str)\n"
        'StageRunner(StageBook([stage], folder), lock=lock_folder(folder)).run()\n'
    )
    root = str(Path(run_module.__file__).resolve().parents[2])
    runner = subprocess.Popen(
        [sys.executable, '-c', code],
        stdin=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': root},
    )
    try:
        assert select.select([read_end], [], [], 60)[0], 'the stage did not start'
        runner.kill()
        runner.wait()
        with pytest.raises(UserError, match=str(tmp_path)):
            lock_folder(tmp_path)
    finally:
        runner.stdin.close()  # ends the process left behind
        os.close(read_end)
