"""The processes of one place: each of its own, or forked from one with all imports.

Importing torch, MMEngine and MMSegmentation takes longer than a short training's first
steps. `tools/train.py`, `test.py` and `generate_depth.py` are therefore forked from a
process that has imported them (`fork_server.py`), one for each place, started with the
place's environment. Whatever cannot be forked gets a process of its own.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from mmdepthseg.experiments.options import ROOT

SERVER = Path(__file__).with_name('fork_server.py')
#: What all of the forked tools import.
MODULES = ('mmdepthseg.plugin', 'mmdepthseg.launch.runner', 'mmdepthseg.apis')
SCRIPTS = tuple(
    ROOT / f'tools/{name}.py' for name in ('train', 'test', 'generate_depth')
)


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
        self.lock = lock  # which must not be closed
        self.kept = [lock.fileno()] if lock else []
        self.fork = fork
        self.server: ForkServer | None = None

    def start(self, command: Sequence[str], log: Path) -> 'subprocess.Popen | Forked':
        """Start a command, whose output is added to a log."""
        if not (self.fork and forkable(command)):
            return self.own(command, log)
        if self.server is None or self.server.ended:
            self.server = ForkServer(self.env, self.kept)
        return Forked(self, self.server, command, log)

    def own(self, command: Sequence[str], log: Path) -> subprocess.Popen:
        """Start a command as a process of its own."""
        with open(log, 'ab') as out:
            return subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.env,
                start_new_session=True,
                pass_fds=self.kept,
            )

    def close(self) -> None:
        """End the process that forks; none that it has forked may run."""
        if self.server is not None:
            self.server.close()


class ForkServer:
    """A process that runs `fork_server.py`, and the socket to it.

    Args:
        env: Its environment.
        kept: Open files that its forked processes share.

    Attributes:
        ready: It has imported everything and can fork.
        ended: It has ended.
    """

    def __init__(self, env: Mapping[str, str], kept: Sequence[int] = ()) -> None:
        self.ready = self.ended = False
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno()), *MODULES],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=env,
                start_new_session=True,
                pass_fds=[theirs.fileno(), *kept],
            )
        self._socket.setblocking(False)
        self._read = b''

    def send(self, message: object) -> None:
        """Send a line of JSON; a server that has ended is noticed by `answers`."""
        with contextlib.suppress(OSError):
            self._socket.setblocking(True)
            self._socket.sendall(json.dumps(message).encode() + b'\n')
        self._socket.setblocking(False)

    def answers(self) -> list[tuple[str, int]]:
        """Return what it has said since the last call."""
        with contextlib.suppress(BlockingIOError):
            while not self.ended:
                try:
                    part = self._socket.recv(4096)
                except ConnectionError:  # it left something unread
                    part = b''
                self.ended = not part
                self._read += part
        *lines, self._read = self._read.split(b'\n')
        words = [line.decode().split() for line in lines]
        self.ready |= ['ready'] in words
        return [(kind, int(number[0])) for kind, *number in words if number]

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self.ended = True
        self.process.terminate()
        self.process.wait()


class Forked:
    """A forked command, used like a `subprocess.Popen`.

    If the server ends before it has forked, the command gets a process of its own.
    """

    def __init__(
        self, slot: Slot, server: ForkServer, command: Sequence[str], log: Path
    ) -> None:
        self.slot, self.server, self.command, self.log = slot, server, command, log
        self.returncode: int | None = None
        self._own: subprocess.Popen | None = None
        self._pid: int | None = None
        self._asked = False
        server.send([list(command), str(log.resolve())])

    @property
    def pid(self) -> int:
        """The process, which is also its group: until it is forked, the server."""
        if self._own is not None:
            return self._own.pid
        return self._pid or self.server.process.pid

    def poll(self) -> int | None:
        """Return the exit code, -N after signal N; None while it runs."""
        if self._own is not None:
            return self._own.poll()
        if self.returncode is not None:
            return self.returncode
        for kind, number in self.server.answers():
            if kind == 'pid':
                self._pid = number
            else:
                self.returncode = number
                self.server.send(None)
        if self.server.ended and self.returncode is None:
            self.server.process.wait()
            if self._pid is not None or self._asked:
                self.returncode = -signal.SIGKILL
            else:
                # one that was never ready will not be the next time
                self.slot.fork = self.server.ready
                self._own = self.slot.own(self.command, self.log)
        return self.returncode

    def terminate(self) -> None:
        """Ask the process to end."""
        self._asked = True
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
