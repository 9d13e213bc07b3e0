"""Tables with a pack: stop in time, go on in the next call."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile

import pytest

from mmdepthseg.remote import run as module
from mmdepthseg.remote.run import (
    GRACE,
    MORE_TO_DO,
    run_all,
    run_command,
    run_for,
    run_pack,
)
from mmdepthseg.utils.errors import UserError

OWN = '.'.join(map(str, sys.version_info[:2]))


class Clock:
    """A clock that moves when a table runs."""

    now = 0.0

    def __call__(self):
        return self.now


def run_with(seconds, end):
    """Run tables that take so long; exit codes, and the time that each was given."""
    clock, given = Clock(), []

    def start(table, left):
        given.append(left)
        clock.now += min(seconds[table], left)
        return 0 if seconds[table] <= left else None

    return run_all([*seconds], start, end, clock), given


def test_all_tables_in_time():
    codes, given = run_with(dict(a=10, b=20), 100)
    assert codes == dict(a=0, b=0)
    left = 100 - GRACE - module.KILL_GRACE
    assert given == [left, left - 10]


def test_no_table_is_started_when_the_time_is_over():
    codes, given = run_with(dict(a=10, b=200, c=1), 100)
    assert codes == dict(a=0, b=None, c=None) and len(given) == 2


def test_a_command_that_takes_too_long_is_stopped(tmp_path):
    wait = [sys.executable, '-S', '-c', 'import signal; signal.pause()']
    assert run_for(wait, 0.01, tmp_path, os.environ) is None
    quick = [sys.executable, '-S', '-c', 'raise SystemExit(3)']
    assert run_for(quick, 60, tmp_path, os.environ) == 3


@pytest.mark.parametrize(
    ('asked', 'grace', 'result'),
    [
        pytest.param('signal.SIG_IGN', 0.01, -signal.SIGKILL, id='does not stop'),
        # as run_experiments.py, which kills trainings with sessions of their own
        pytest.param('lambda *_: times.append(1)', 60, 7, id='stops the second time'),
    ],
)
def test_commands_that_go_on_are_stopped(monkeypatch, asked, grace, result):
    monkeypatch.setattr(module, 'GRACE', 0.01)
    monkeypatch.setattr(module, 'KILL_GRACE', grace)
    code = (
        'import signal\n'
        'times = []\n'
        f'signal.signal(signal.SIGTERM, {asked})\n'
        'print(flush=True)\n'
        'while len(times) < 2: signal.pause()\n'
        'raise SystemExit(7)'
    )
    process = subprocess.Popen(
        [sys.executable, '-S', '-c', code],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        process.stdout.readline()  # the signal is handled so from here on
        module.stop(process)
        assert process.returncode == result


FAKE_TABLE = """
import json, pathlib, sys
name = pathlib.Path(sys.argv[1]).stem
work = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
work.mkdir(parents=True, exist_ok=True)
steps = work / 'steps.json'
done = 1 + (json.loads(steps.read_text()) if steps.is_file() else 0)
steps.write_text(json.dumps(done))
(work / 'iter_1.pth').write_text('weights')
(work / 'results.json').write_text(json.dumps(dict(done=done, argv=sys.argv[1:])))
import carried, mmdepthseg.version
assert carried.here and sys.carried
"""


@pytest.fixture
def pack(tmp_path):
    """A pack whose code and package are nearly empty."""
    folder = tmp_path / 'pack'
    for name in ('configs', 'mmdepthseg', 'tools', 'requirements'):
        (folder / 'code' / name).mkdir(parents=True)
    for name in ('__init__', 'version', 'doctor'):
        (folder / f'code/mmdepthseg/{name}.py').touch()
    (folder / 'code/tools/run_experiments.py').write_text(FAKE_TABLE)
    (folder / 'code/COMMIT').write_text('1234567\n')
    (folder / 'data/camvid').mkdir(parents=True)
    (folder / 'wheels').mkdir()
    with zipfile.ZipFile(folder / 'wheels/carried-1-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('carried.py', 'here = True')
        wheel.writestr('carried.pth', 'import sys; sys.carried = True')
    content = dict(python=OWN, compiled=[], expected=['torch'])
    (folder / 'pack.json').write_text(json.dumps(content))
    return folder


def results(out, name='a'):
    return json.loads((out / f'{name}.json').read_text())


def test_run_and_go_on(pack, tmp_path, monkeypatch):
    monkeypatch.delenv('PYTHONPATH', raising=False)
    out = tmp_path / 'out'
    call = dict(tables=['t/a.py', 't/b.py'], options=['--gpus', '0', '0'], out=out)
    assert run_pack(pack, minutes=5, **call) == 0
    assert results(out)['argv'] == [
        't/a.py', '--work-dir', 'work_dirs/a', '--gpus', '0', '0',
    ]  # fmt: skip
    code = tmp_path / 'pack.work/code'
    assert (code / 'data/camvid').is_dir() and (code / 'COMMIT').is_file()
    assert run_pack(pack, minutes=5, **call) == 0
    assert results(out)['done'] == results(out, 'b')['done'] == 2
    # on another machine
    state = dict(state=out / 'state.tar.gz', place=tmp_path / 'elsewhere')
    assert run_pack(pack, minutes=5, **state, **call) == 0
    assert results(out)['done'] == 3
    with tarfile.open(out / 'state.tar.gz') as archive:
        names = archive.getnames()
    assert 'work_dirs/a/steps.json' in names and not [n for n in names if 'pth' in n]


def test_what_another_machine_gets(tmp_path):
    """Not the small files whose large ones stay: they would pass for the whole."""
    code, out = tmp_path / 'code', tmp_path / 'out'
    for name in (
        'done.done.json',
        'done/test/scores.json',
        'labels.done.json',
        'labels/a/manifest.json',
        'labels/a/1.png',
        'half.started.json',
        'half/scalars.json',
    ):
        path = code / 'work_dirs/table' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{}')
    module.collect(code, out, ['table.py'])
    with tarfile.open(out / 'state.tar.gz') as archive:
        names = {n.removeprefix('work_dirs/table/') for n in archive.getnames()}
    assert names == {'done.done.json', 'done/test/scores.json', 'labels.done.json'}


def test_half_a_state(pack, tmp_path):
    call = dict(tables=['a.py'], options=[], out=tmp_path / 'out', minutes=5)
    assert run_pack(pack, **call) == 0
    state = tmp_path / 'half.tar.gz'
    whole = (tmp_path / 'out/state.tar.gz').read_bytes()
    for part in (whole[: len(whole) // 2], b'nothing'):
        state.write_bytes(part)
        with pytest.raises(UserError, match='half.tar.gz is not the state'):
            run_pack(pack, state=state, **call)


def test_no_time_and_failures(pack, tmp_path):
    call = dict(tables=['a.py'], options=[], out=tmp_path / 'out')
    assert run_pack(pack, minutes=0, **call) == MORE_TO_DO
    (pack / 'code/tools/run_experiments.py').write_text('raise SystemExit(2)')
    assert run_pack(pack, minutes=5, **call) == 1


def test_a_machine_that_has_all_packages(pack, tmp_path):
    for wheel in (pack / 'wheels').iterdir():
        wheel.unlink()
    (pack / 'code/tools/other.py').write_text('import mmdepthseg.version')
    for _ in range(2):
        assert run_command(pack, ['tools/other.py'], 5) == 0


def test_refusals(pack, tmp_path):
    call = dict(tables=['a.py'], options=[], minutes=5, out=tmp_path / 'out')
    (pack / 'code/mmdepthseg/doctor.py').write_text('raise SystemExit(1)')
    with pytest.raises(UserError, match='torch'):
        run_pack(pack, **call)
    content = dict(python='2.7', compiled=['numpy'], expected=[])
    (pack / 'pack.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match=f'2.7.*--python {OWN}'):
        run_pack(pack, **call)
    with pytest.raises(UserError, match='not a pack'):
        run_pack(tmp_path, **call)


def test_places_of_others_are_refused(pack, tmp_path):
    (pack / 'code/tools/other.py').touch()
    place = tmp_path / 'mine'
    (place / 'code/tools').mkdir(parents=True)
    (place / 'code/tools/mine.py').write_text('work of weeks')
    with pytest.raises(UserError, match='mine is the folder .*other files .code'):
        run_command(pack, ['tools/other.py'], 5, place)
    assert [*place.rglob('*.py')] == [place / 'code/tools/mine.py']
    (tmp_path / 'empty').mkdir()
    for _ in range(2):
        assert run_command(pack, ['tools/other.py'], 5, tmp_path / 'empty') == 0
    (tmp_path / 'empty/place.json').unlink()  # as an earlier version left it
    assert run_command(pack, ['tools/other.py'], 5, tmp_path / 'empty') == 0


def test_another_tool(pack, tmp_path, monkeypatch):
    monkeypatch.delenv('PYTHONPATH', raising=False)
    (pack / 'code/tools/other.py').write_text(
        'import carried, pathlib, sys\n'
        'pathlib.Path(sys.argv[1]).write_text(str(pathlib.Path.cwd()))\n'
        'raise SystemExit(int(sys.argv[2]))\n'
    )
    written, place = tmp_path / 'written.txt', tmp_path / 'place'
    for code in (0, 3, MORE_TO_DO):
        command = ['tools/other.py', str(written), str(code)]
        assert run_command(pack, command, 5, place) == code
    assert written.read_text() == str(place / 'code')
    assert run_command(pack, ['tools/other.py', str(written), '0'], 0) == MORE_TO_DO
    with pytest.raises(UserError, match='tools/none.py'):
        run_command(pack, ['tools/none.py'], 5)
