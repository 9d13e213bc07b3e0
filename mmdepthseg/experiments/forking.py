"""The processes of one place: each of its own, or forked from one with all imports.

Importing torch, MMEngine and MMSegmentation takes longer than a short training's first
steps. `tools/train.py`, `test.py` and `generate_depth.py` are therefore forked from
multiprocessing's fork server, which has imported them. What cannot run there replaces
itself by a process of its own.
"""

import atexit
import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from mmdepthseg.checkpoints.trust import variables
from mmdepthseg.experiments.options import ROOT

#: What all of the forked tools import; MMEngine's visualiser makes a figure.
MODULES = (
    'mmdepthseg.plugin',
    'mmdepthseg.launch.runner',
    'mmdepthseg.apis',
    'matplotlib.figure',
    'matplotlib.backends.backend_agg',
)
SCRIPTS = tuple(
    ROOT / f'tools/{name}.py' for name in ('train', 'test', 'generate_depth')
)
#: Lets torch count GPUs without CUDA, which a forked process could not use afterwards.
COUNT_GPUS = dict(PYTORCH_NVML_BASED_CUDA_CHECK='1')
#: Lets the server import this code, beside `PYTHONPATH`: in Python 3.11 it does not get
#: our `sys.path`, and would take an installed copy, or one in the working folder.
OUR_CODE = dict(PYTHONSAFEPATH='1')
#: What `multiprocessing` says of a process whose server has ended before it.
_LOST = 255
#: In the server, when it began to import.
_BEGUN = time.time()


def forkable(command: Sequence[str]) -> bool:
    """Tell whether a command may be forked: one of our tools, as one process."""
    return (
        sys.platform == 'linux'
        and len(command) > 1
        and command[0] == sys.executable
        and Path(command[1]).resolve() in SCRIPTS
        and not any(part.startswith('--launcher') for part in command)
    )


class Slot:
    """Starts the commands of one place, one at a time.

    Args:
        place: Extra environment.
        lock: File that the processes hold open.
        fork: Whether to fork what can be forked.
    """

    def __init__(
        self, place: Mapping[str, str], lock: IO | None = None, fork: bool = False
    ) -> None:
        self.env = {**os.environ, **place}
        self.lock = lock
        self.fork = fork

    def start(self, command: Sequence[str], log: Path) -> 'subprocess.Popen | Forked':
        """Start a command, whose output is added to a log."""
        if self.fork and forkable(command):
            return Forked(command, log, self.env, self.lock)
        with open(log, 'ab') as out:
            return subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.env,
                start_new_session=True,
                pass_fds=[self.lock.fileno()] if self.lock else [],
            )


class Forked:
    """A forked command, used like a `subprocess.Popen`."""

    def __init__(
        self, command: Sequence[str], log: Path, env: dict[str, str], lock: IO | None
    ) -> None:
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload([__name__, *MODULES])
        places = [str(ROOT), *filter(None, [env.get('PYTHONPATH')])]
        path = dict(OUR_CODE, PYTHONPATH=os.pathsep.join(places))
        # of the server, if it is started now
        with variables({**env, **COUNT_GPUS, **path}):
            held = DupFd(lock.fileno()) if lock else None
            self._process = context.Process(
                target=run_command,
                args=(
                    list(command),
                    str(log.resolve()),
                    env,
                    held,
                    MODULES,
                    str(ROOT),
                    __file__,
                ),
            )
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Return the exit code, -N after signal N; None while it runs."""
        code = self._process.exitcode
        if code == _LOST:  # nobody would wait for it any more
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return code

    def poll(self) -> int | None:
        """Return `returncode`."""
        return self.returncode

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process.exitcode is None:
            self._process.terminate()


def changed_since(begun: float, code: str) -> bool:
    """Tell whether a file of a folder that is imported was written later."""
    paths = {getattr(module, '__file__', None) for module in [*sys.modules.values()]}
    ours = [path for path in paths if path and path.startswith(f'{code}{os.sep}')]
    return any(os.stat(p).st_mtime > begun for p in ours if os.path.exists(p))


def run_command(
    command: list[str],
    log: str,
    env: Mapping[str, str],
    lock: Any,
    modules: Sequence[str],
    code: str,
    own: str,
) -> None:
    """Run a command in a forked process, which becomes like one of its own.

    Args:
        command: Python, one of `SCRIPTS`, its arguments.
        log: File to which its output is added.
        env: The environment.
        lock: `DupFd` of a file to hold open, or None.
        modules: What the server was to import.
        code: Folder whose files must not have changed since then.
        own: This file, as the parent has it; the server may have found another copy of
            the package.
    """
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor in (1, 2):
        os.dup2(out, descriptor)
    os.close(out)
    if lock is not None:
        os.set_inheritable(lock.detach(), True)
    os.environ.clear()
    os.environ.update(env)
    torch, numpy = sys.modules.get('torch'), sys.modules.get('numpy')
    if (
        not sys.modules.keys() >= {*modules}
        or (torch is not None and torch.cuda._is_in_bad_fork())
        or not os.path.samefile(own, __file__)
        or changed_since(_BEGUN, code)
    ):
        os.execv(command[0], command)
    if numpy is not None:
        numpy.random.seed()  # `random` does so by itself
    sys.argv = command[1:]
    given = env.get('PYTHONPATH', '').split(os.pathsep)
    folders = [str(Path(command[1]).resolve().parent), *filter(None, given)]
    sys.path[:] = dict.fromkeys([*folders, *sys.path])
    try:
        runpy.run_path(command[1], run_name='__main__')
    finally:
        atexit._run_exitfuncs()
