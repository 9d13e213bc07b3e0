"""Run a job's stages as processes: in order of need, in parallel, each only once.

A stage that has finished leaves a stamp with a hash of its command, of the files it
reads (configs) and of the stamps of the stages it needs. The next run skips it while
that hash is the same. A stage that was interrupted goes on with what its folder holds
if the hash is still that of its start; otherwise its folder is removed first, so that a
changed config or seed never reports the results of another one.

Several runners may share a folder, on one machine or, with a file system that knows
locks, on several: what one of them is at, the others leave alone and wait for.
"""

import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

POLL_SECONDS = 0.5
TAIL_LINES = 15
PROGRESS = re.compile(
    r'Iter\(train\) *\[ *(\d+)/(\d+)\].*? eta: ([\d:]+) .*? loss: ([\d.]+)'
)
#: States of a stage, see :meth:`StageRunner.states`.
DONE, OUTDATED, MISSING = 'done', 'outdated', 'missing'


@dataclass(frozen=True)
class Stage:
    """One step of a job.

    Attributes:
        name: Short name, also of its log and stamp.
        commands: Argument lists, run one after another.
        needs: Names of stages that must have finished.
        reads: Files whose content decides the result.
        outputs: Files or folders that must exist afterwards.
        folder: The stage's own folder, removed before a start with another hash.
        key: Gives what decides the result, in the place of `commands` and `reads`
            (whose paths may not matter, say); asked for right before the start.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    folder: str | None = None
    key: Callable[[], str] | None = None

    def decisive(self) -> str:
        """What decides the result, besides the stages it needs."""
        if self.key is not None:
            return self.key()
        return '\0'.join(
            [repr(self.commands), *(Path(path).read_text() for path in self.reads)]
        )


class StageRunner:
    """Runs stages, several at a time.

    Args:
        stages: All stages; order breaks ties.
        folder: Where logs and stamps go.
        jobs: Stages at a time.
        env: Extra environment of the processes.
        places: Instead of `jobs`: extra environments, one
            for each place that takes a stage at a time, say a GPU.
        keep_going: A failed stage does not end the run; those that need it
            are left out. `failed` tells. Defaults to False.
        version: Noted at each start of a stage; its stamp lists all of them,
            since a later version may have gone on with what an earlier one began.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        folder: Path,
        jobs: int = 2,
        env: Mapping[str, str] | None = None,
        places: Sequence[Mapping[str, str]] | None = None,
        keep_going: bool = False,
        version: str = '',
    ) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.folder = Path(folder)
        self.env = {**os.environ, **(env or {})}
        self.free = list(places) if places else [{}] * jobs
        self.keep_going = keep_going
        self.version = version
        self.done: dict[str, dict] = {}
        self.failed: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    def run(self) -> dict[str, dict]:
        """Run what is not done.

        Returns:
            Stage name -> its stamp (`hash`, `seconds`,
            `versions`).

        Raises:
            UserError: A stage failed, without `keep_going`; names its log and shows
                its last lines.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        running: dict[str, _Run] = {}
        waiting = list(self.stages)
        try:
            while waiting or running:
                self._start_ready(waiting, running)
                self._collect(running)
                if running or waiting:
                    time.sleep(POLL_SECONDS)
        finally:
            for run in running.values():
                run.stop()
        return self.done

    def states(self) -> dict[str, str]:
        """Where each stage stands, without running any.

        Returns:
            'done'; 'outdated': it was done, but what decides its
            result has changed since; or 'missing'.
        """
        hashes: dict[str, str] = {}

        def digest(name: str) -> str:
            if name not in hashes:
                stage = self.stages[name]
                hashes[name] = _hash(stage, [digest(need) for need in stage.needs])
            return hashes[name]

        found = {}
        for name, stage in self.stages.items():
            stamp = self.stamp(name)
            if not stamp or not _all_exist(stage.outputs):
                found[name] = MISSING
            else:
                found[name] = DONE if stamp['hash'] == digest(name) else OUTDATED
        return found

    def stamp(self, name: str) -> dict:
        """What a finished stage left; {} if there is none."""
        return _read_json(self._path(name, 'done.json'))

    def log(self, name: str) -> Path:
        """The log of a stage."""
        return self._path(name, 'log')

    def _start_ready(self, waiting: list[str], running: dict[str, '_Run']) -> None:
        for name in list(waiting):
            stage = self.stages[name]
            lost = [need for need in stage.needs if need in self.failed]
            if lost:
                waiting.remove(name)
                self._fail(name, f'needs {", ".join(lost)}, which failed')
            elif self.free and all(need in self.done for need in stage.needs):
                self._start(stage, waiting, running)

    def _start(
        self, stage: Stage, waiting: list[str], running: dict[str, '_Run']
    ) -> None:
        name = stage.name
        lock = _try_lock(self._path(name, 'lock'))
        if lock is None:
            self._show(name, 'another process is at it: waiting')
            return
        waiting.remove(name)
        digest = _hash(stage, [self.done[need]['hash'] for need in stage.needs])
        stamp = self.stamp(name)
        if stamp.get('hash') == digest and _all_exist(stage.outputs):
            lock.close()
            self.done[name] = stamp
            print(f'[{name}] already done ({stamp["seconds"]:.0f} s then)', flush=True)
            return
        versions = self._prepare(stage, digest)
        print(f'[{name}] {shlex.join(_short(stage.commands[0]))}', flush=True)
        place = self.free.pop(0)
        running[name] = _Run(
            stage,
            dict(hash=digest, versions=versions),
            self.log(name),
            {**self.env, **place},
            place,
            lock,
        )

    def _prepare(self, stage: Stage, digest: str) -> list[str]:
        """Keep the folder of an interrupted run with the same hash only.

        Returns:
            The versions that were at it, with this one.
        """
        self._path(stage.name, 'done.json').unlink(missing_ok=True)
        started = self._path(stage.name, 'started.json')
        before = _read_json(started)
        versions = []
        if before.get('hash') == digest:
            versions = before.get('versions', [])
        elif stage.folder is not None and Path(stage.folder).exists():
            shutil.rmtree(stage.folder)
        versions = list(dict.fromkeys([*versions, self.version]))
        write_atomically(
            started, json.dumps(dict(hash=digest, versions=versions)).encode()
        )
        return versions

    def _collect(self, running: dict[str, '_Run']) -> None:
        for name, run in list(running.items()):
            finished = run.poll()
            self._show_progress(name, run.log)
            if not finished:
                continue
            del running[name]
            self.free.append(run.place)
            missing = [o for o in run.stage.outputs if not Path(o).exists()]
            if run.code or missing:
                why = (
                    f'exit code {run.code}'
                    if run.code
                    else f'it did not write {", ".join(missing)}'
                )
                tail = run.log.read_text(errors='replace').splitlines()[-TAIL_LINES:]
                self._fail(name, f'{why}; log: {run.log}\n  ' + '\n  '.join(tail))
            else:
                stamp = dict(run.stamp, seconds=time.monotonic() - run.start)
                write_atomically(
                    self._path(name, 'done.json'), json.dumps(stamp).encode()
                )
                self.done[name] = stamp
                print(f'[{name}] done in {stamp["seconds"]:.0f} s', flush=True)
            run.lock.close()

    def _fail(self, name: str, why: str) -> None:
        self.failed[name] = why
        if not self.keep_going:
            raise UserError(f'stage {name} failed: {why}')
        print(f'[{name}] FAILED: {why}', flush=True)

    def _show_progress(self, name: str, log: Path) -> None:
        with open(log, 'rb') as file:
            file.seek(max(0, log.stat().st_size - 4096))
            found = PROGRESS.findall(file.read().decode(errors='replace'))
        if found:
            at, total, left, loss = found[-1]
            self._show(name, f'iteration {at} of {total}, loss {loss}, {left} left')

    def _show(self, name: str, line: str) -> None:
        """Print a line about a stage, once."""
        if self._shown.get(name) != line:
            self._shown[name] = line
            print(f'[{name}] {line}', flush=True)

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / f'{name}.{kind}'


class _Run:
    """The running processes of one stage."""

    def __init__(
        self,
        stage: Stage,
        stamp: dict,
        log: Path,
        env: dict,
        place: Mapping[str, str],
        lock: IO,
    ) -> None:
        self.stage, self.stamp, self.log, self.env = stage, stamp, log, env
        self.place, self.lock = place, lock
        self.left = list(stage.commands)
        self.code = 0
        self.start = time.monotonic()
        log.write_bytes(b'')
        self._next()

    def _next(self) -> None:
        with open(self.log, 'ab') as out:
            # The process holds the lock too: should we be killed and it live on,
            # nobody else will write into its folder.
            self.process = subprocess.Popen(
                self.left.pop(0),
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.env,
                start_new_session=True,
                pass_fds=(self.lock.fileno(),),
            )

    def poll(self) -> bool:
        """Go on; True when all commands are done or one failed."""
        code = self.process.poll()
        if code is None:
            return False
        self.code = code
        if code == 0 and self.left:
            self._next()
            return False
        return True

    def stop(self) -> None:
        """Stop the process and its workers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            self.process.wait()


def _hash(stage: Stage, needed: Sequence[str]) -> str:
    """Hash of what decides a stage's result: its own and that of what it needs."""
    return hashlib.sha256('\0'.join([stage.decisive(), *needed]).encode()).hexdigest()


def _try_lock(path: Path) -> IO | None:
    """The locked file, or None if someone else holds the lock."""
    file = open(path, 'ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}


def _all_exist(paths: Sequence[str]) -> bool:
    return all(Path(path).exists() for path in paths)


def _short(command: Sequence[str]) -> list[str]:
    return ['python' if part == sys.executable else part for part in command]
