"""Run a job's stages on this machine: several at a time, each after those it needs.

A folder belongs to one runner at a time; another one is refused.
"""

import contextlib
import fcntl
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from mmdepthseg.experiments.forking import Slot
from mmdepthseg.experiments.stage import Stage, StageBook, tail
from mmdepthseg.utils.errors import Stopped, UserError
from mmdepthseg.utils.files import remove_leftovers

SIGNALS = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5
STOP_SECONDS = 0.05
WORKER_SECONDS = 10.0
LOCK = 'runner.lock'


def local_places(
    jobs: int = 1, gpus: Sequence[str] | None = None, cpus: int | None = None
) -> list[dict[str, str]]:
    """Return the environment of each process that runs at the same time.

    Args:
        jobs: Number of processes.
        gpus: Instead of `jobs`: the GPU of each process.
        cpus: Number of cores that they share; default: all.
    """
    places: list[dict[str, str]] = [{}] * jobs
    if gpus:
        places = [dict(CUDA_VISIBLE_DEVICES=gpu) for gpu in gpus]
    threads = max(1, (cpus or os.cpu_count() or 1) // len(places))
    # spinning threads make a busy machine several times slower; settings of the user
    # take precedence
    env = dict(OMP_WAIT_POLICY='PASSIVE', OMP_NUM_THREADS=str(threads))
    env = {key: os.environ.get(key, value) for key, value in env.items()}
    return [dict(env, PYTHONUNBUFFERED='1', **place) for place in places]


def lock_folder(folder: Path) -> IO:
    """Lock a folder for as long as the returned file is open (in any process).

    Temporary files that killed runs have left there are removed.

    Raises:
        UserError: Another process has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / LOCK, 'ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(
            f'{folder} is in use by another run, or by a process that a killed run '
            f'left behind (fuser {file.name} tells); wait for it, stop it, or give '
            'another --work-dir'
        ) from None
    remove_leftovers(folder)
    return file


@contextlib.contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Give a list to which SIGTERM and SIGINT are added, instead of raising errors.

    An error between the start of a process and the note of it would leave an orphan.
    Signals that are ignored (nohup) or handled otherwise (by submitit) stay so.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted  # only there can signals be handled
        return
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {
        number: signal.signal(number, lambda number, _: noted.append(number))
        for number in SIGNALS
        if signal.getsignal(number) in usual
    }
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StageRunner:
    """Runs stages, several at a time.

    Args:
        book: Book of the stages; needed stages that it does not have count as done.
        places: Extra environments, one for each stage that runs at the same time.
        keep_going: Do not stop after a failed stage, but leave out the stages that
            need it; see `book.failed`.
        lock: From `lock_folder`. The processes hold it too: if this process is killed
            and they go on, no other run will write into their folders.
        fork: Let the trainings of a place share their imports, see `forking`.
    """

    def __init__(
        self,
        book: StageBook,
        places: Sequence[Mapping[str, str]] = ({},),
        keep_going: bool = False,
        lock: IO | None = None,
        fork: bool = False,
    ) -> None:
        self.book, self.keep_going = book, keep_going
        self.free = [Slot(place, lock, fork) for place in places]
        self._waiting = list(book.stages)
        self._running: dict[str, _Run] = {}
        self._shown: dict[str, str] = {}

    def run(self) -> None:
        """Run all stages that are not done.

        After SIGTERM or SIGINT the running stages are asked to end, and waited for; at
        the second signal they are killed.

        Raises:
            UserError: A stage failed, without `keep_going`; names its log and shows
                its last lines.
            Stopped: After a signal, with exit code 143 (SIGTERM) or 130 (SIGINT).
        """
        with noted_signals() as noted:
            try:
                while (self._waiting or self._running) and not noted:
                    self._start_ready(noted)
                    self._collect()
                    if self._running and not noted:
                        time.sleep(POLL_SECONDS)
            finally:
                self._stop_all(noted)
            if noted:
                raise Stopped(128 + noted[0])

    def _stop_all(self, noted: Sequence[int]) -> None:
        runs, killed = list(self._running.values()), False
        if runs and noted:
            name = signal.Signals(noted[0]).name
            print(
                f'{name}: waiting for {", ".join(self._running)} to save and end (once '
                'more: at once)',
                flush=True,
            )
        for run in runs:
            run.ask()
        while any([run.lives() for run in runs]):
            if len(noted) > 1 and not killed:
                killed = True
                for run in runs:
                    run.kill()
            time.sleep(STOP_SECONDS)
        for name, run in self._running.items():
            self.book.pause(name, [*run.seconds, time.monotonic() - run.start])

    def _start_ready(self, noted: Sequence[int]) -> None:
        for name in list(self._waiting):
            if noted:
                return
            stage = self.book.stages[name]
            lost = self.book.lost_needs(name)
            if lost:
                self._waiting.remove(name)
                self._fail(name, lost)
            elif self.free and not any(
                need in self._waiting or need in self._running for need in stage.needs
            ):
                self._waiting.remove(name)
                self._start(stage)

    def _start(self, stage: Stage) -> None:
        name, log = stage.name, self.book.log(stage.name)
        try:
            wanted = self.book.begin(stage)
        except (UserError, OSError) as error:  # the others go on, if that is wanted
            self._fail(name, str(error))
            return
        if not wanted:
            seconds = self.book.record(name)['seconds']
            print(f'[{name}] already done ({seconds:.0f} s then)', flush=True)
        elif not stage.commands:
            self._finish(name, [])
        else:
            short = ['python' if p == sys.executable else p for p in stage.commands[0]]
            print(f'[{name}] {shlex.join(short)}', flush=True)
            log.write_bytes(b'')
            self._running[name] = _Run(stage, log, self.free.pop(0))

    def _collect(self) -> None:
        for name, run in list(self._running.items()):
            finished = run.poll()
            self._show(name, self.book.progress(name))
            if not finished:
                continue
            del self._running[name]
            self.free.append(run.slot)
            if run.code:
                self.book.pause(name, run.seconds)
                self._fail(name, f'exit code {run.code}; {tail(run.log)}')
            else:
                self._finish(name, run.seconds)

    def _finish(self, name: str, seconds: Sequence[float]) -> None:
        lost = self.book.stages[name].lost()
        if lost:
            why = f'it did not write {", ".join(lost)}; {tail(self.book.log(name))}'
            self._fail(name, why)
        else:
            self.book.finish(name, seconds)
            print(f'[{name}] done in {sum(seconds):.0f} s', flush=True)

    def _fail(self, name: str, why: str) -> None:
        self.book.failed[name] = why
        if not self.keep_going:
            raise UserError(f'stage {name} failed: {why}')
        print(f'[{name}] FAILED: {why}', flush=True)

    def _show(self, name: str, line: str | None) -> None:
        """Print a line about a stage, once."""
        if line and self._shown.get(name) != line:
            self._shown[name] = line
            print(f'[{name}] {line}', flush=True)


class _Run:
    """The running processes of one stage."""

    def __init__(self, stage: Stage, log: Path, slot: Slot) -> None:
        self.log, self.slot = log, slot
        self.left = list(stage.commands)
        self.code = 0
        self.end: float | None = None
        self.seconds: list[float] = []
        self._next()

    def _next(self) -> None:
        self.start = time.monotonic()
        self.process = self.slot.start(self.left.pop(0), self.log)

    def poll(self) -> bool:
        """Start the next command if one is done; True if all are done or one failed."""
        code = self.process.poll()
        if code is None:
            return False
        self.code = code
        self.seconds.append(time.monotonic() - self.start)
        if code == 0 and self.left:
            self._next()
            return False
        return True

    def ask(self) -> None:
        """Ask the process to end; it needs its loader workers until then."""
        self.process.terminate()

    def kill(self) -> None:
        """Kill the process and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def lives(self) -> bool:
        """Tell whether the process or one of those that it has started lives.

        Those get a few seconds, in which loader workers notice its end by themselves.
        """
        if self.process.poll() is None:
            return True
        self.end = self.end or time.monotonic()
        if time.monotonic() - self.end > WORKER_SECONDS:
            self.kill()
            return False
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True
