"""Import once what trainings import, and fork a process for each command asked for.

Run as a script by `forking.py`, which sends `[command, log]` as lines of JSON over a
socket and reads `ready`, then `pid N` and `code N` for each command. It ends with the
socket. A forked process is what a process of its own would be: a session, output,
environment and exit code of its own; it is killed if this process is.

Only what was imported is shared. So nothing may have run before: no threads, no CUDA.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Lets torch count GPUs without CUDA, which a forked process could not use afterwards.
COUNT_GPUS = 'PYTORCH_NVML_BASED_CUDA_CHECK'
PROBE_SECONDS = 30
_PR_SET_PDEATHSIG = 1


def fork() -> int:
    """Fork; the new process, for which this returns 0, dies with the old one."""
    parent, child = os.getpid(), os.fork()
    if not child:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return child


def can_fork() -> bool:
    """Tell whether a forked process can work, by letting one use threads and CUDA."""
    if threading.active_count() > 1:
        return False
    child = fork()
    if not child:
        signal.alarm(PROBE_SECONDS)
        os._exit(0 if _works() else 1)
    return os.waitpid(child, 0)[1] == 0


def _works() -> bool:
    torch = sys.modules.get('torch')
    if torch is None:
        return True
    square = torch.ones(256, 256)
    return not torch.cuda._is_in_bad_fork() and bool((square @ square).sum() == 2**24)


def sources() -> dict[str, int]:
    """Return the files of this repository that are imported, with their times."""
    paths = {getattr(module, '__file__', None) for module in [*sys.modules.values()]}
    ours = [path for path in paths if path and path.startswith(f'{ROOT}{os.sep}')]
    return {path: os.stat(path).st_mtime_ns for path in ours if os.path.exists(path)}


def serve(connection: socket.socket) -> list[str] | None:
    """Fork for each command; return it in the forked process, None at the end."""
    before = sources()
    lines = connection.makefile('r')
    connection.sendall(b'ready\n')
    for line in lines:
        command, log = json.loads(line)
        if sources() != before:  # loader workers would import other code
            return None
        child = fork()
        if not child:
            lines.close()
            connection.close()
            _begin(log)
            return command
        connection.sendall(f'pid {child}\n'.encode())
        # its number must not be another's before the code has been read
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert end is not None
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        try:
            connection.sendall(f'code {code}\n'.encode())
            lines.readline()
        finally:
            os.waitpid(child, 0)
    return None


def _begin(log: str) -> None:
    """Make this process look like a new one."""
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor in (1, 2):
        os.dup2(out, descriptor)
    os.close(out)
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        numpy.random.seed()  # `random` does so by itself


def main(argv: Sequence[str]) -> None:
    """Import, then serve; in a forked process, run the command.

    Args:
        argv: Number of the socket, names of modules.
    """
    sys.path[0] = str(ROOT)  # not this folder
    connection = socket.socket(fileno=int(argv[0]))
    given = os.environ.get(COUNT_GPUS)
    os.environ[COUNT_GPUS] = '1'
    for name in argv[1:]:
        importlib.import_module(name)
    if not can_fork():
        return
    gc.collect()
    gc.freeze()  # collections in forked processes leave shared memory shared
    command = serve(connection)
    if command is None:
        return
    os.environ.pop(COUNT_GPUS)
    os.environ.update({} if given is None else {COUNT_GPUS: given})
    sys.argv = command[1:]
    sys.path[0] = str(Path(command[1]).resolve().parent)
    runpy.run_path(command[1], run_name='__main__')


if __name__ == '__main__':
    main(sys.argv[1:])
