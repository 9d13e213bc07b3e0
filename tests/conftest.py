"""Fixtures shared by all tests."""

import os

# Before torch is imported: the suite runs one process per core.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

# Without a GPU to be seen: the numbers compared with are a CPU's, and two ranks would
# need two GPUs. Tests marked `gpu` have a run of their own: make test-gpu. (As an
# expression, because before imports the linter lets nothing else stand.)
os.environ.update(
    {} if os.environ.get('MMDEPTHSEG_TEST_GPU') == '1' else {'CUDA_VISIBLE_DEVICES': ''}
)

import contextlib
import functools
import gc
import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.fake_slurm import FakeSlurm
from helpers.tiny_config import write_tiny_config
from helpers.tools import load_tool
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.utils import ManagerMixin
from torch.utils.data import DataLoader, dataloader

from mmdepthseg.plugin import register_all_modules
from mmdepthseg.streets import Options, render_dataset

torch.set_num_threads(1)
# A fork has OpenCV's pool of threads, but not the threads: it hangs if one held the
# pool's lock, and crashes when it makes the pool smaller. So there is no pool.
cv2.setNumThreads(0)


def pytest_configure(config: pytest.Config) -> None:
    """Leave pytest-randomly the order only; it would seed by the run, not the test.

    A shell starts what runs in its background with Ctrl-C ignored, and so would be all
    processes of the tests that send it.
    """
    config.option.randomly_reset_seed = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Keep what is imported out of collections, which MMEngine asks of each data set.

    They would take half a second each.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how to have this order again; pytest-randomly does not under `-q`."""
    seed = config.getoption('randomly_seed', None)
    if seed is not None:
        terminalreporter.write_line(f'Order of the tests: --randomly-seed={seed}')


def _seed(name: str) -> None:
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _named_instances(kind: type = ManagerMixin) -> Iterator[type]:
    yield kind
    for child in kind.__subclasses__():
        yield from _named_instances(child)


@contextlib.contextmanager
def _without_new_instances() -> Iterator[None]:
    """Forget the default scopes, loggers, ... by name that MMEngine has made inside.

    Older loggers have their levels again.
    """
    instances = {kind: kind._instance_dict.copy() for kind in _named_instances()}
    levels = {logger: logger.level for logger in MMLogger._instance_dict.values()}
    try:
        yield
    finally:
        for logger, level in levels.items():
            if logger.level != level:
                logger.setLevel(level)
        for kind in _named_instances():
            kind._instance_dict.clear()
            kind._instance_dict.update(instances.get(kind, {}))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Make a fixture that tests share the same, whichever of them is the first."""
    if fixturedef.scope == 'function':
        return (yield)
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    _seed(f'{fixturedef.baseid}::{fixturedef.argname}')
    try:
        with _without_new_instances():
            return (yield)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """Seed every test by its name: its numbers depend on no other test."""
    _seed(request.node.nodeid)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """Undo what a test changes of the process.

    That is MMEngine's default scope, loggers, message hubs and visualisers by name, the
    environment, the folder and torch's number of threads.
    """
    environment, folder = os.environ.copy(), os.getcwd()
    with _without_new_instances():
        yield
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)
    os.chdir(folder)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


@pytest.fixture(autouse=True)
def _workers_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the workers of data loaders with the test that started them.

    Garbage collection, which is what ends those of a Runner, first closes the queue by
    which workers hear of the end: torch then waits 5 seconds for each, in whichever
    test comes next.
    """
    kind, started = dataloader._MultiProcessingDataLoaderIter, []
    start = kind.__init__

    def note(self: object, loader: DataLoader) -> None:
        start(self, loader)
        started.append(self)

    monkeypatch.setattr(kind, '__init__', note)
    yield
    for iterator in started:
        iterator._shutdown_workers()


@pytest.fixture
def full_float32():
    """Convolutions as exact as a CPU's: cuDNN may round to TF32, torch's default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def our_scope() -> Iterator[None]:
    """Look up types as configs of this package do."""
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the repository's folder, with everything registered."""
    register_all_modules()
    monkeypatch.chdir(REPO)


@pytest.fixture
def tiny_config(tmp_path: Path) -> Callable[..., Path]:
    """Write a data set of four images and a config that trains on it in seconds."""

    return functools.partial(write_tiny_config, tmp_path)


@pytest.fixture(scope='session')
def streets(tmp_path_factory):
    """Three tiny training clips and a validation clip."""
    out = tmp_path_factory.mktemp('streets')
    render_dataset(
        out,
        Options(clips=3, val_clips=1, frames=3, size=(96, 48), supersample=1),
        workers=1,
    )
    return out


@pytest.fixture
def plain_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep MMEngine from laying out the config for each of its logs and files.

    That is more than half of a tiny run's time. Processes that a test starts find
    another yapf, which leaves texts as they are.
    """
    layout = 'yapf.yapflib.yapf_api.FormatCode'
    monkeypatch.setattr(layout, lambda text, **options: (text, True))
    folders = [str(REPO / 'tests/data/no_layout'), os.environ.get('PYTHONPATH')]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, folders)))


@pytest.fixture
def run_tool(plain_layout: None) -> Callable[..., None]:
    """Run a tool's `main` in this process: run_tool('train', config, '--amp')."""

    def run(name: str, *arguments: object) -> None:
        arguments = [str(argument) for argument in arguments]
        # Runners of one second share their name, and with it MMEngine's log records.
        options = [f'+experiment_name={uuid.uuid4().hex}']
        if '--cfg-options' in arguments:
            place = arguments.index('--cfg-options') + 1
            arguments[place:place] = options
        else:
            arguments += ['--cfg-options', *options]
        load_tool(name).main(arguments)

    return run


@pytest.fixture
def call_tool(
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., subprocess.CompletedProcess]:
    """Run a tool's `main` in this process as a command, with exit code and output."""

    def call(name: str, *arguments: object) -> subprocess.CompletedProcess:
        command = [str(argument) for argument in arguments]
        capfd.readouterr()
        try:
            code = load_tool(name).main(command) or 0
        except SystemExit as stop:
            code = stop.code
        return subprocess.CompletedProcess(command, code, *capfd.readouterr())

    return call


@pytest.fixture
def free_port() -> Callable[[], str]:
    """A TCP port for a group of processes; tests run side by side.

    It is below those that the system hands out by itself, where another process might
    get it before the group starts, and chosen by this process's id.
    """

    def find() -> str:
        for port in itertools.count(10000 + os.getpid() * 10 % 20000):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(('127.0.0.1', port))
                return str(port)

    return find


@pytest.fixture
def run_process(
    tmp_path: Path, plain_layout: None
) -> Callable[..., subprocess.CompletedProcess]:
    """Run a command in an empty folder, with this Python first on the PATH."""

    def run(*command: object, **environment: str) -> subprocess.CompletedProcess:
        cwd = tmp_path / 'elsewhere'
        cwd.mkdir(exist_ok=True)
        variables = {**os.environ, 'PYTHON': sys.executable, **environment}
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def run_in_ranks(
    run_process: Callable[..., subprocess.CompletedProcess],
    free_port: Callable[[], str],
) -> Callable[..., None]:
    """Run a tool several times in one group of two: run_in_ranks('train', [...], ...).

    To start the two takes longer than what they do.
    """

    def run(tool: str, *calls: list[object], imports: str = 'json') -> None:
        calls = [[*map(str, call), '--launcher', 'pytorch'] for call in calls]
        torchrun = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
        script = REPO / 'tests/helpers/in_ranks.py'
        done = run_process(
            *(sys.executable, *torchrun, f'--master_port={free_port()}'),
            *(script, REPO / f'tools/{tool}.py', json.dumps(calls), imports),
            PYTHONPATH=os.pathsep.join([str(REPO / 'tests'), os.environ['PYTHONPATH']]),
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return run


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A `FakeSlurm` in the place of any real one."""
    slurm = FakeSlurm(tmp_path)
    monkeypatch.setenv('PATH', f'{slurm.bin}{os.pathsep}{os.environ["PATH"]}')
    return slurm


@pytest.fixture
def user_warnings(recwarn):
    """The texts of warnings for users so far.

    Those of the interpreter and of other packages can come at any moment.
    """
    return lambda: [
        str(one.message)
        for one in recwarn
        if one.category is UserWarning and Path(one.filename).is_relative_to(REPO)
    ]
