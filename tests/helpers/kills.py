"""Forks of this process that are killed at chosen moments.

A fork need not import anything, which is most of what a tiny run takes. A moment is
often a number of changes that the process makes to files below a folder: it dies right
before that one, or, of a file that it opens to write, right after. The interpreter
reports all of them, also those of libraries.
"""

import contextlib
import multiprocessing
import os
import random
import select
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

CHANGES = ('open', 'os.rename', 'os.remove', 'os.rmdir', 'os.mkdir', 'os.truncate')
WRITING = os.O_WRONLY | os.O_RDWR
#: Seconds after which a process that should have ended counts as one that hangs.
PATIENCE = 600
#: In `make test` one kill; then many, and as many again of one run.
KILLS = int(os.environ.get('MMDEPTHSEG_KILLS', 6))
ONE_AND_MANY = [
    pytest.param((1, 0), id='one'),
    pytest.param((KILLS, KILLS), id='many', marks=pytest.mark.long),
]
Opener = Callable[[], int] | None


def on_changes(root: Path, call: Callable[[str, Opener], object]) -> None:
    """Call before each change of a file below a folder, as long as this process lives.

    Args:
        root: The folder.
        call: Takes the path, and, of a file to write, what opens it.
    """
    prefix, opening = os.path.realpath(root), False

    def hook(event: str, arguments: tuple) -> None:
        nonlocal opening
        if (
            opening
            or event not in CHANGES
            or not isinstance(arguments[0], str | os.PathLike)
        ):
            return
        if event == 'open' and not (arguments[2] or 0) & WRITING:
            return
        path = os.path.abspath(os.fspath(arguments[0]))
        if not path.startswith(prefix):
            return
        opening = event == 'open'
        call(path, (lambda: os.open(path, arguments[2])) if opening else None)
        opening = False

    sys.addaudithook(hook)


def start(work: Callable[[], object], log: Path) -> int:
    """Run in a fork, in a process group of its own.

    Args:
        work: What to do.
        log: File to which its output is added.

    Returns:
        Its id; it ends with the code of a command.
    """
    child = os.fork()
    if not child:
        _work_and_end(work, log)
    with contextlib.suppress(PermissionError, ProcessLookupError):  # it did, or ended
        os.setpgid(child, child)
    return child


def _work_and_end(work: Callable[[], object], log: Path) -> NoReturn:
    code: int | str | None = 1
    try:
        os.setpgid(0, 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(n, 'w', 1, closefd=False) for n in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            _end_children()
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            os._exit(code if isinstance(code, int) else 1)


def _end_children() -> None:
    """Wait for loader workers, as an interpreter does at its end."""
    children = multiprocessing.active_children()
    own = [child for child in children if child._parent_pid == os.getpid()]
    for child in own:
        child.terminate()
    for child in own:
        child.join()


def wait(pid: int, seconds: float = PATIENCE) -> int | None:
    """Wait for a fork; return its exit code, negative after a signal; None: it runs."""
    descriptor = os.pidfd_open(pid)
    try:
        if not select.select([descriptor], [], [], seconds)[0]:
            return None
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(
    work: Callable[[], object],
    root: Path,
    at: int | None = None,
    seconds: float | None = None,
) -> int | None:
    """Run in a fork, which may be killed with all that it has started.

    Args:
        work: What to do; an error fails the test.
        root: Folder whose changes count; its log is beside it.
        at: Kill before this change, from 1.
        seconds: Kill after so many seconds.

    Returns:
        The number of changes, or None after a kill.
    """
    log, (counted, count) = Path(f'{root}.log'), os.pipe()

    def work_counted() -> None:
        owner, made = os.getpid(), 0

        def changed(path: str, opens: Opener) -> None:
            nonlocal made
            made += os.getpid() == owner  # not of a loader worker
            if made == at:
                if opens is not None:
                    opens()
                os.killpg(owner, signal.SIGKILL)

        on_changes(root, changed)
        work()
        os.write(count, str(made).encode())

    child = start(work_counted, log)
    os.close(count)
    code = wait(child, PATIENCE if seconds is None else seconds)
    if code is None:
        os.killpg(child, signal.SIGKILL)
        assert seconds is not None, f'it hangs: {log.read_text()[-5000:]}'
        code = wait(child)
    with os.fdopen(counted) as pipe:
        text = pipe.read() if code == 0 else ''
    if code == -signal.SIGKILL:
        return None
    assert code == 0, log.read_text()[-5000:]
    return int(text)


def family(pid: int) -> list[int]:
    """Return the processes below one, the process itself last."""
    found = []
    for task in Path(f'/proc/{pid}/task').glob('*/children'):
        with contextlib.suppress(OSError):  # it has ended
            for child in task.read_text().split():
                found += family(int(child))
    return [*found, pid]


def wait_for_end(pids: Sequence[int]) -> None:
    """Wait until processes have ended that are not children of this one.

    Raises:
        AssertionError: One is left.
    """
    deadline = time.monotonic() + PATIENCE
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(0, deadline - time.monotonic())
            assert select.select([descriptor], [], [], left)[0], f'{pid} is left'
        finally:
            os.close(descriptor)


State = dict[str, tuple[bytes, int, int]]


def state_of(folder: Path) -> State:
    """Return content, time and place on the disk of each file below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
        )
        for path in folder.rglob('*')
        if path.is_file()
    }  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """What writes to a folder, and what is known of the files.

    Attributes:
        work: Writes to the folder that it is given, or goes on there.
        kept: Files, by name, that are compared; others are logs and the like.
        finished: Whether a file, by name, was finished in a folder that is given; then
            nothing may write it again. By default, each file is by itself.
        at_once: Whether it runs in this process alone, whose changes are counted.
        whole: A folder of an undisturbed run, and about how many changes that makes.
    """

    work: Callable[[Path], object]
    kept: Callable[[str], bool] = lambda name: True
    finished: Callable[[str, State], bool] = lambda name, before: True
    at_once: bool = True
    whole: tuple[Path, int] | None = None


def assert_survives(writer: Writer, folder: Path, kills: int, chain: int = 0) -> None:
    """Kill a writer at moments of its work, and repeat it to its end.

    The end must be that of an undisturbed run, byte by byte, with what was finished at
    the kill untouched and no temporary file left.

    Args:
        writer: The writer.
        folder: Its `runs` gets a folder for each run.
        kills: Number of them, each in a folder that is new.
        chain: Number of further ones, one after the other in one folder.
    """
    folder = folder / 'runs'
    folder.mkdir()
    # always the same moments in a test
    draw = random.Random(zlib.crc32(os.environ['PYTEST_CURRENT_TEST'].encode()))

    def go(name: str, **kill: float) -> int | None:
        (folder / name).mkdir(exist_ok=True)
        return run(partial(writer.work, folder / name), folder / name, **kill)

    def files(name: str) -> State:
        found = state_of(folder / name)
        return {name: state for name, state in found.items() if writer.kept(name)}

    began = time.monotonic()
    changes = writer.whole[1] if writer.whole else go('whole')
    seconds = time.monotonic() - began
    assert changes
    expected = state_of(writer.whole[0]) if writer.whole else files('whole')
    expected = {name: s[0] for name, s in expected.items() if writer.kept(name)}
    killed = 0
    for number in range(kills + chain):
        chained = number >= kills
        name = 'killed' if chained else f'killed{number}'
        moment = dict(at=draw.randint(1, changes // (3 if chained else 1)))
        if not writer.at_once or (number % 3 == 2 and not writer.whole):
            moment = dict(seconds=draw.uniform(0, seconds))
        killed += go(name, **moment) is None
        before = files(name)
        if chained and number < kills + chain - 1:
            continue
        go(name)
        after = files(name)
        assert after.keys() == expected.keys(), moment
        wrong = [name for name, data in expected.items() if after[name][0] != data]
        assert not wrong, (moment, wrong)
        again = [
            name
            for name in before.keys() & expected.keys()
            if writer.finished(name, before) and after[name] != before[name]
        ]
        assert not again, (moment, again)
        assert not [*(folder / name).rglob('*.tmp-*')], moment
    assert killed >= (kills + chain) / 2  # others came too late
    if kills + chain > 1:
        print(f'{killed} kills', file=sys.__stderr__)
