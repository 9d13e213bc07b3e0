"""Stages: order, skipping, what changes, failures."""

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmdepthseg.experiments import run as stages_module
from mmdepthseg.experiments.run import Stage, StageRunner
from mmdepthseg.utils.errors import UserError


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch):
    monkeypatch.setattr(stages_module, 'POLL_SECONDS', 0.02)


def stage(name, tmp_path, needs=(), reads=(), fail=False):
    """A stage that appends its name to a file and writes an output."""
    code = (
        f"import sys; open(r'{tmp_path}/order', 'a').write('{name} ');"
        f"open(r'{tmp_path}/{name}.out', 'w').close(); sys.exit({int(fail)})"
    )
    return Stage(
        name, ((sys.executable, '-c', code),), needs, reads, (f'{tmp_path}/{name}.out',)
    )


def run(stages, tmp_path):
    """Run them; returns the order in which they ran so far."""
    StageRunner(stages, tmp_path / 'work').run()
    return (tmp_path / 'order').read_text().split()


def test_runs_in_order_of_need_and_only_once(tmp_path):
    stages = [stage('second', tmp_path, ('first',)), stage('first', tmp_path)]
    assert run(stages, tmp_path) == ['first', 'second']
    assert run(stages, tmp_path) == ['first', 'second']


def test_a_changed_file_redoes_what_depends_on_it(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    stages = [
        stage('first', tmp_path, reads=(str(config),)),
        stage('second', tmp_path, ('first',)),
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
    stages = [stage('bad', tmp_path, fail=True), stage('after', tmp_path, ('bad',))]
    runner = StageRunner(stages, tmp_path / 'work')
    with pytest.raises(UserError, match='stage bad failed.*exit code 1.*bad.log'):
        runner.run()
    assert list(runner.failed) == ['bad']
    assert (tmp_path / 'order').read_text().split() == ['bad']
    with pytest.raises(UserError):
        run(stages, tmp_path)


def test_a_missing_output_is_a_failure(tmp_path):
    lost = Stage('lost', ((sys.executable, '-c', ''),), outputs=('nowhere.out',))
    with pytest.raises(UserError, match='nowhere.out'):
        StageRunner([lost], tmp_path / 'work').run()


def resumable(tmp_path, seed, stop=False):
    """A stage that counts on from what its folder holds, as --resume does."""
    folder = tmp_path / 'folder'
    code = (
        'import pathlib, sys\n'
        f"folder = pathlib.Path(r'{folder}')\n"
        'folder.mkdir(exist_ok=True)\n'
        "log = folder / 'log'\n"
        f"log.write_text((log.read_text() if log.exists() else '') + '{seed} ')\n"
        f'sys.exit({int(stop)})'
    )
    return Stage(
        'train',
        ((sys.executable, '-c', code),),
        folder=str(folder),
        reads=(str(tmp_path / 'seed'),),
    )


def test_an_interrupted_stage_goes_on_but_never_with_another_hash(tmp_path):
    (tmp_path / 'seed').write_text('7')
    with pytest.raises(UserError):
        StageRunner([resumable(tmp_path, 7, stop=True)], tmp_path / 'work').run()
    # the command is part of the hash: another one starts afresh
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    log = tmp_path / 'folder' / 'log'
    assert log.read_text() == '7 '
    (tmp_path / 'work' / 'train.done.json').unlink()
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    assert log.read_text() == '7 7 '
    (tmp_path / 'seed').write_text('8')
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    assert log.read_text() == '7 '


def test_a_failure_does_not_stop_the_others_if_asked(tmp_path, capsys):
    stages = [
        stage('bad', tmp_path, fail=True),
        stage('after', tmp_path, ('bad',)),
        stage('last', tmp_path, ('after',)),
        stage('other', tmp_path),
    ]
    runner = StageRunner(stages, tmp_path / 'work', jobs=1, keep_going=True)
    assert set(runner.run()) == {'other'}
    assert (tmp_path / 'order').read_text().split() == ['bad', 'other']
    assert set(runner.failed) == {'bad', 'after', 'last'}
    assert 'exit code 1' in runner.failed['bad']
    assert runner.failed['after'] == 'needs bad, which failed'
    assert '[bad] FAILED' in capsys.readouterr().out


def test_states(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    stages = [
        stage('first', tmp_path, reads=(str(config),)),
        stage('second', tmp_path, ('first',)),
        stage('other', tmp_path),
    ]
    runner = StageRunner(stages, tmp_path / 'work')
    assert set(runner.states().values()) == {'missing'}
    runner.run()
    assert set(runner.states().values()) == {'done'}
    config.write_text('a = 2')
    (tmp_path / 'other.out').unlink()
    assert runner.states() == dict(first='outdated', second='outdated', other='missing')
    assert len((tmp_path / 'order').read_text().split()) == 3


def test_a_key_takes_the_place_of_commands_and_files(tmp_path):
    made = stage('first', tmp_path)
    asked = []

    def key(value):
        return Stage(
            'first',
            made.commands + made.commands[: len(asked)],
            outputs=made.outputs,
            key=lambda: asked.append(1) or value,
        )

    assert run([key('a')], tmp_path) == ['first']
    assert run([key('a')], tmp_path) == ['first']  # another command, the same key
    assert len(run([key('b')], tmp_path)) > 1
    assert len(asked) == 3


def test_places_and_versions(tmp_path):
    code = "import os; open(os.environ['OUT'], 'a').write(os.environ['PLACE'])"
    both = [
        Stage(name, ((sys.executable, '-c', code),), folder=str(tmp_path / name))
        for name in 'ab'
    ]
    places = [dict(OUT=str(tmp_path / f'{i}'), PLACE=str(i)) for i in range(2)]
    runner = StageRunner(both, tmp_path / 'work', places=places, version='one')
    assert runner.run()['a']['versions'] == ['one']
    # one stage each: they run at a time
    assert [(tmp_path / f'{i}').read_text() for i in range(2)] == ['0', '1']
    assert StageRunner(both, tmp_path / 'work', version='two').run()['a'][
        'versions'
    ] == ['one']
    (tmp_path / 'work/a.done.json').unlink()  # as if interrupted
    stamp = StageRunner(both, tmp_path / 'work', places=places, version='two').run()
    assert stamp['a']['versions'] == ['one', 'two']


def test_a_stage_of_another_runner_is_waited_for(tmp_path, monkeypatch, capsys):
    stages = [stage('first', tmp_path), stage('second', tmp_path, ('first',))]
    work = tmp_path / 'work'
    work.mkdir()
    other = open(work / 'first.lock', 'wb')
    fcntl.flock(other, fcntl.LOCK_EX)
    sleep, slept = time.sleep, []

    def wait(seconds):
        """After a while the other runner is done."""
        slept.append(seconds)
        if len(slept) == 3:
            digest = stages_module._hash(stages[0], [])
            (work / 'first.done.json').write_text(
                json.dumps(dict(hash=digest, seconds=1))
            )
            (tmp_path / 'first.out').touch()
            other.close()
        sleep(seconds)

    monkeypatch.setattr(time, 'sleep', wait)
    StageRunner(stages, work).run()
    assert (tmp_path / 'order').read_text().split() == ['second']
    assert capsys.readouterr().out.count('another process is at it') == 1


def test_a_process_that_outlives_its_runner_keeps_the_lock(tmp_path):
    """A runner that is killed leaves its processes behind."""
    up = tmp_path / 'up'
    os.mkfifo(up)
    read_end = os.open(up, os.O_RDONLY | os.O_NONBLOCK)
    wait = f"import sys; open(r'{up}', 'w').write('up'); sys.stdin.read()"
    code = (
        'import sys\n'
        'from pathlib import Path\n'
        'from mmdepthseg.experiments.run import Stage, StageRunner\n'
        f"StageRunner([Stage('a', ((sys.executable, '-c', {wait!r}), ))],\n"
        f"            Path(r'{tmp_path}')).run()\n"
    )
    root = str(Path(stages_module.__file__).resolve().parents[2])
    runner = subprocess.Popen(
        [sys.executable, '-c', code],
        stdin=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': root},
    )
    try:
        assert select.select([read_end], [], [], 60)[0], 'the stage did not start'
        runner.kill()
        runner.wait()
        assert stages_module._try_lock(tmp_path / 'a.lock') is None
    finally:
        runner.stdin.close()  # ends the process left behind
        os.close(read_end)
