"""Commands forked from a process that has imported everything, and what cannot be."""

import multiprocessing.forkserver
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from helpers.stopped_runner import stopped_runner
from helpers.tiny_config import write_tiny_config

from mmdepthseg.experiments import forking
from mmdepthseg.experiments import run as run_module
from mmdepthseg.experiments.forking import forkable
from mmdepthseg.experiments.options import ROOT
from mmdepthseg.experiments.run import StageRunner, lock_folder
from mmdepthseg.experiments.stage import Stage, StageBook

#: Notes each import of itself.
COUNTED = "import os; open(os.environ['IMPORTS'], 'a').write('import ')\n"
SCRIPT = """
import os, signal, sys
import counted
kind = sys.argv[1]
print(kind, sys.argv[0] == __file__, os.getsid(0) == os.getpid(), __name__)
print(os.environ.get('PLACE'), sys.path[0], flush=True)
if kind == 'code':
    print(sys.modules['mmdepthseg'].__file__, flush=True)
if kind == 'killed':
    os.kill(os.getpid(), signal.SIGKILL)
if kind == 'crash':
    raise RuntimeError('so much')
if kind == 'random':
    import numpy
    print(numpy.random.randint(2**31), end=' ', file=open('numbers', 'a'))
if kind == 'server':
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
if kind == 'wait':
    def save(number, frame):
        open('saved', 'a').write('x')
        sys.exit(128 + number)
    if 'deaf' in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, save)
    up = open(sys.argv[-1], 'w')
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    up.write('.')
    up.flush()
    while True:
        signal.pause()
sys.exit(int(kind) if kind.isdigit() else 0)
"""


@pytest.fixture(autouse=True)
def server():
    """Each test has a fork server of its own, if any."""
    multiprocessing.forkserver._forkserver._stop()
    yield
    multiprocessing.forkserver._forkserver._stop()


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A tool that is forked from a process that has imported `counted`."""
    path = tmp_path / 'script.py'
    path.write_text(SCRIPT)
    (tmp_path / 'counted.py').write_text(COUNTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('IMPORTS', str(tmp_path / 'imports'))
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}{os.pathsep}{ROOT}')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(forking, 'SCRIPTS', (path,))
    monkeypatch.setattr(forking, 'MODULES', ('counted',))
    monkeypatch.setattr(run_module, 'POLL_SECONDS', 0.02)
    monkeypatch.setattr(run_module, 'WORKER_SECONDS', 0.2)
    return path


def stages(script, *kinds):
    """A stage for each, named after it and its place."""
    return [
        Stage(f'{kind}{index}', ((sys.executable, str(script), kind),), lambda _: '')
        for index, kind in enumerate(kinds)
    ]


def run(tmp_path, made, **options):
    """Run them; returns their logs and the reasons of failures."""
    book = StageBook(made, tmp_path / 'work')
    with lock_folder(book.folder) as lock:
        StageRunner(book, keep_going=True, lock=lock, fork=True, **options).run()
    lock_folder(book.folder).close()  # nobody is left who holds it
    return {name: book.log(name).read_text() for name in book.stages}, book.failed


def test_a_place_imports_once(script, tmp_path):
    made, places = stages(script, 'a', 'b', 'c'), [dict(PLACE='here')]
    logs, failed = run(tmp_path, made, places=places)
    assert not failed
    assert Path('imports').read_text() == 'import '
    assert logs['b1'] == f'b True True __main__\nhere {tmp_path}\n'


def test_a_stage_with_several_commands(script, tmp_path):
    commands = [(sys.executable, str(script), kind) for kind in 'xy']
    commands.insert(1, (sys.executable, '-c', 'print("own")'))
    made = [Stage('both', tuple(commands), lambda _: '')]
    logs, failed = run(tmp_path, made)
    assert not failed
    first = [line.split()[0] for line in logs['both'].splitlines()]
    assert first == ['x', 'None', 'own', 'y', 'None']


def test_ends_are_those_of_a_process_of_its_own(script, tmp_path):
    made = stages(script, '3', 'crash', 'killed', 'ok')
    logs, failed = run(tmp_path, made)
    assert {name: why.split(';')[0] for name, why in failed.items()} == {
        '30': 'exit code 3',
        'crash1': 'exit code 1',
        'killed2': 'exit code -9',
    }
    assert 'RuntimeError: so much' in logs['crash1']
    assert Path('imports').read_text() == 'import '


def test_random_numbers_differ(script, tmp_path, monkeypatch):
    monkeypatch.setattr(forking, 'MODULES', ('numpy', 'counted'))
    run(tmp_path, stages(script, 'random', 'random'))
    first, second = Path('numbers').read_text().split()
    assert first != second


def test_without_what_is_imported_it_is_a_process_of_its_own(
    script, tmp_path, monkeypatch
):
    monkeypatch.setattr(forking, 'MODULES', ('no_such_module',))
    logs, failed = run(tmp_path, stages(script, 'a', '3'))
    assert [*failed] == ['31'] and 'a True True' in logs['a0']
    assert Path('imports').read_text() == 'import import '


def test_changed_code_is_not_forked(script, tmp_path, monkeypatch):
    """Loader workers would import what is there now."""
    monkeypatch.setattr(forking, 'ROOT', tmp_path)
    run(tmp_path, stages(script, 'a', 'b'))
    assert Path('imports').read_text() == 'import '
    later = time.time() + 1000
    os.utime('counted.py', (later, later))
    _, failed = run(tmp_path, stages(script, 'c'))
    assert not failed
    assert Path('imports').read_text() == 'import import '


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Another copy of the package, which Python finds before this one."""
    ignored = shutil.ignore_patterns('.mim', '__pycache__')
    shutil.copytree(ROOT / 'mmdepthseg', tmp_path / 'other/mmdepthseg', ignore=ignored)
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}/other{os.pathsep}{tmp_path}')
    return tmp_path / 'other'


@pytest.mark.parametrize('here', [True, False])
def test_the_code_is_that_of_the_table(here, script, other, tmp_path, monkeypatch):
    """Not an installed copy, or one in the working folder."""
    if here:
        monkeypatch.setenv('PYTHONPATH', str(tmp_path))
        monkeypatch.chdir(other)
    logs, failed = run(tmp_path, stages(script, 'code', 'code'))
    assert not failed, logs
    assert logs['code0'].splitlines()[-1] == f'{ROOT}/mmdepthseg/__init__.py'
    assert (tmp_path / 'imports').read_text() == 'import '


def test_other_code_is_not_forked(script, other, tmp_path, monkeypatch):
    monkeypatch.setattr(forking, 'ROOT', other)
    _, failed = run(tmp_path, stages(script, 'a'))
    assert not failed
    assert (tmp_path / 'imports').read_text() == 'import import '


def test_the_end_of_the_server_is_that_of_the_command(script, tmp_path):
    logs, failed = run(tmp_path, stages(script, 'server', 'ok'))
    assert [*failed] == ['server0'] and 'exit code 255' in failed['server0']
    assert Path('imports').read_text() == 'import import '  # another server


@pytest.mark.parametrize(
    ('kind', 'signals', 'code', 'saved'),
    [((), [15], 143, 'xx'), ((), [2], 130, 'xx'), (('deaf',), [15, 2], 143, '')],
)
def test_a_signal_leaves_no_process(kind, signals, code, saved, script, tmp_path):
    """The commands are asked to end, and may save; workers that do not hear go."""
    command = (sys.executable, str(script), 'wait', *kind)
    assert stopped_runner(command, signals, tmp_path, fork=True) == code
    file = Path('saved')
    assert (file.read_text() if file.exists() else '') == saved


def test_what_is_forked():
    train = str(ROOT / 'tools/train.py')
    assert forkable((sys.executable, train, 'config.py'))
    assert not forkable((sys.executable, train, 'config.py', '--launcher', 'pytorch'))
    assert not forkable(('bash', 'tools/dist_train.sh', 'config.py', '2'))
    assert not forkable((sys.executable, '-c', 'pass'))
    assert not forkable((sys.executable, str(ROOT / 'tools/predict.py')))


def test_trainings_import_torch_once(tmp_path, monkeypatch):
    """Real ones, each with a worker of its data loader."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import os, sys\n'
        'def note(event, args):\n'
        "    if event == 'import' and args[0] == 'torch._C':\n"
        f"        open({str(tmp_path / 'imports')!r}, 'a').write(f'{{os.getpid()}} ')\n"
        'sys.addaudithook(note)\n'
    )
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}{os.pathsep}{ROOT}')
    monkeypatch.setattr(run_module, 'POLL_SECONDS', 0.05)
    config = write_tiny_config(tmp_path, workers=1)
    train = (sys.executable, str(ROOT / 'tools/train.py'), str(config), '--work-dir')
    made = [
        Stage(name, ((*train, str(tmp_path / name), '--resume'),), str)
        for name in ('one', 'two')
    ]
    logs, failed = run(tmp_path, made)
    assert not failed, failed
    assert len({*(tmp_path / 'imports').read_text().split()}) == 1
    losses = [
        [line.partition(' loss: ')[2] for line in logs[name].splitlines()]
        for name in logs
    ]
    assert any(losses[0]) and losses[0] == losses[1]
