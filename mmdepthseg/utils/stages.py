"""Run a job's stages as processes: in order of need, in parallel, each only once.

A stage that has finished leaves a stamp with a hash of its command, of the files it
reads (configs) and of the stamps of the stages it needs. The next run skips it while
that hash is the same. A stage that was interrupted goes on with what its folder holds
if the hash is still that of its start; otherwise its folder is removed first, so that a
changed config or seed never reports the results of another one.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

POLL_SECONDS = 0.5
TAIL_LINES = 15
PROGRESS = re.compile(
    r'Iter\(train\) *\[ *(\d+)/(\d+)\].*? eta: ([\d:]+) .*? loss: ([\d.]+)')


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
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    folder: str | None = None


class StageRunner:
    """Runs stages, up to ``jobs`` at a time.

    Args:
        stages (Sequence[Stage]): All stages; order breaks ties.
        folder (Path): Where logs and stamps go.
        jobs (int): Stages at a time.
        env (dict): Extra environment of the processes.
    """

    def __init__(self,
                 stages: Sequence[Stage],
                 folder: Path,
                 jobs: int = 2,
                 env: dict[str, str] | None = None) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.folder = Path(folder)
        self.jobs = jobs
        self.env = {**os.environ, **(env or {})}
        self.done: dict[str, dict] = {}
        self._shown: dict[str, str] = {}

    def run(self) -> dict[str, dict]:
        """Run what is not done.

        Returns:
            dict[str, dict]: Stage name -> its stamp (``hash``, ``seconds``).

        Raises:
            UserError: A stage failed; names its log and shows its last lines.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        running: dict[str, _Run] = {}
        waiting = list(self.stages)
        try:
            while waiting or running:
                self._start_ready(waiting, running)
                self._collect(running)
                if running:
                    time.sleep(POLL_SECONDS)
        finally:
            for run in running.values():
                run.stop()
        return self.done

    def _start_ready(self, waiting: list[str], running: dict[str, '_Run']) -> None:
        for name in list(waiting):
            stage = self.stages[name]
            if not all(need in self.done for need in stage.needs):
                continue
            digest = self._hash(stage)
            stamp = self._stamp(name)
            if stamp.get('hash') == digest and _all_exist(stage.outputs):
                self.done[name] = stamp
                waiting.remove(name)
                print(f'[{name}] already done ({stamp["seconds"]:.0f} s then)',
                      flush=True)
            elif len(running) < self.jobs:
                waiting.remove(name)
                self._prepare(stage, digest)
                print(f'[{name}] {shlex.join(_short(stage.commands[0]))}', flush=True)
                running[name] = _Run(
                    stage, digest, self.folder / f'{name}.log', self.env)

    def _prepare(self, stage: Stage, digest: str) -> None:
        """Keep the folder of an interrupted run with the same hash only."""
        self._stamp_path(stage.name).unlink(missing_ok=True)
        started = self.folder / f'{stage.name}.started.json'
        if _read_json(started).get('hash') != digest:
            if stage.folder is not None and Path(stage.folder).exists():
                shutil.rmtree(stage.folder)
            write_atomically(started, json.dumps(dict(hash=digest)).encode())

    def _collect(self, running: dict[str, '_Run']) -> None:
        for name, run in list(running.items()):
            finished = run.poll()
            self._show_progress(name, run.log)
            if not finished:
                continue
            del running[name]
            missing = [o for o in run.stage.outputs if not Path(o).exists()]
            if run.code or missing:
                why = f'exit code {run.code}' if run.code else \
                    f'it did not write {", ".join(missing)}'
                tail = run.log.read_text(errors='replace').splitlines()[-TAIL_LINES:]
                raise UserError(f'stage {name} failed ({why}); log: {run.log}\n  ' +
                                '\n  '.join(tail))
            stamp = dict(hash=run.digest, seconds=time.monotonic() - run.start)
            write_atomically(self._stamp_path(name), json.dumps(stamp).encode())
            self.done[name] = stamp
            print(f'[{name}] done in {stamp["seconds"]:.0f} s', flush=True)

    def _show_progress(self, name: str, log: Path) -> None:
        with open(log, 'rb') as file:
            file.seek(max(0, log.stat().st_size - 4096))
            found = PROGRESS.findall(file.read().decode(errors='replace'))
        if found:
            at, total, left, loss = found[-1]
            line = f'[{name}] iteration {at} of {total}, loss {loss}, {left} left'
            if self._shown.get(name) != line:
                self._shown[name] = line
                print(line, flush=True)

    def _hash(self, stage: Stage) -> str:
        parts = [repr(stage.commands)]
        parts += [Path(path).read_text() for path in stage.reads]
        parts += [self.done[need]['hash'] for need in stage.needs]
        return hashlib.sha256('\0'.join(parts).encode()).hexdigest()

    def _stamp_path(self, name: str) -> Path:
        return self.folder / f'{name}.done.json'

    def _stamp(self, name: str) -> dict:
        return _read_json(self._stamp_path(name))


class _Run:
    """The running processes of one stage."""

    def __init__(self, stage: Stage, digest: str, log: Path, env: dict) -> None:
        self.stage, self.digest, self.log, self.env = stage, digest, log, env
        self.left = list(stage.commands)
        self.code = 0
        self.start = time.monotonic()
        log.write_bytes(b'')
        self._next()

    def _next(self) -> None:
        with open(self.log, 'ab') as out:
            self.process = subprocess.Popen(
                self.left.pop(0), stdout=out, stderr=subprocess.STDOUT, env=self.env,
                start_new_session=True)

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


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}


def _all_exist(paths: Sequence[str]) -> bool:
    return all(Path(path).exists() for path in paths)


def _short(command: Sequence[str]) -> list[str]:
    return ['python' if part == sys.executable else part for part in command]
