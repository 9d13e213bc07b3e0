"""Stages of a job, and the book that says how far each of them is.

A stage that has finished is in the book with a hash of what decides its result: its
own key (configs, options, ...) and the hashes of the stages it needs. It is not done
again while that hash is the same. A stage that was interrupted goes on with what its
folder holds if the hash is still that of its start; otherwise its folder is removed
first, so that a changed config or seed never reports the results of another one.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.stamp import DONE, MISSING, Stamp

#: States of a stage, besides those two.
OUTDATED, FAILED, QUEUED, RUNNING = 'outdated', 'failed', 'queued', 'running'
TAIL_LINES = 15
TAIL_BYTES = 4096
PROGRESS = re.compile(
    r'Iter\(train\) *\[ *(\d+)/(\d+)\].*? eta: ([\d:]+) .*? loss: ([\d.]+)'
)
#: A line of `utils.progress`.
BAR = re.compile(r'\[[# ]{30}\] (\d+/\d+ .+)')


@dataclass(frozen=True)
class Stage:
    """One step of a job.

    Attributes:
        name: Short name, also of its log.
        commands: Argument lists, run one after another; none: there is nothing to do.
        key: Gives what decides the result, besides the stages it needs; asked for
            right before the start, with a dict that keys asked for at one time share,
            for what several of them read. Can be pickled, for a cluster.
        needs: Names of stages that must have finished.
        outputs: Files or folders that must exist afterwards.
        folder: The stage's own folder, removed before a start with another hash.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    key: Callable[[dict], str]
    needs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    folder: str | None = None

    def lost(self) -> list[str]:
        """Return the outputs that are not there."""
        return [output for output in self.outputs if not Path(output).exists()]


class StageBook:
    """What a folder says of a job's stages.

    Args:
        stages: All stages, each behind those it needs.
        folder: Where logs and the book's files go.
        version: Noted at each start of a stage; the record lists all of them, since
            a later version may have gone on with what an earlier one began.

    Attributes:
        failed: Stage name -> why, of this call.
        busy: Stage name -> 'queued' or 'running', of this call.
    """

    def __init__(
        self, stages: Sequence[Stage], folder: Path, version: str = ''
    ) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.folder = Path(folder)
        self.version = version
        self.failed: dict[str, str] = {}
        self.busy: dict[str, str] = {}
        self._begun: dict[str, Stamp] = {}

    def states(self) -> dict[str, str]:
        """Return where each stage stands.

        'outdated': done, but what decides has changed.
        """
        hashes = self.hashes()
        found = {}
        for name, stage in self.stages.items():
            stamp = self._stamp(name, hashes[name])
            if name in self.failed:
                found[name] = FAILED
            elif name in self.busy:
                found[name] = self.busy[name]
            elif stamp.look() != DONE or stage.lost():
                found[name] = MISSING
            else:
                found[name] = OUTDATED if stamp.changed else DONE
        return found

    def hashes(self) -> dict[str, str]:
        """Return the hash with which each stage would be made now."""
        found: dict[str, str] = {}
        shared: dict = {}
        for name, stage in self.stages.items():
            found[name] = _hash(stage, [found[need] for need in stage.needs], shared)
        return found

    def record(self, name: str) -> dict:
        """Return what a finished stage left: hash, seconds, versions.

        {} if there is none.
        """
        try:
            return json.loads(self._path(name, 'done.json').read_text())
        except (OSError, json.JSONDecodeError):
            return {}

    def log(self, name: str) -> Path:
        """Return the log of a stage."""
        return self._path(name, 'log')

    def begin(self, stage: Stage) -> bool:
        """Find out whether a stage must be run, and be ready for it.

        Returns:
            False if it is done already.

        Raises:
            UserError: What it needs is not done.
        """
        for need in stage.needs:
            if not self.record(need):
                raise UserError(f'{self.folder}: {stage.name} needs {need}: not done')
        digest = _hash(stage, [self.record(need)['hash'] for need in stage.needs], {})
        stamp = self._begun[stage.name] = self._stamp(stage.name, digest)
        state = stamp.look()
        if state == DONE and not stamp.changed and not stage.lost():
            return False
        if state == MISSING or stamp.changed:
            stamp.clear()
            stamp.facts = {}
            if stage.folder is not None and Path(stage.folder).exists():
                shutil.rmtree(stage.folder)
        versions = [*stamp.facts.get('versions', []), self.version]
        stamp.note(versions=list(dict.fromkeys(versions)))
        return True

    def finish(self, name: str, seconds: Sequence[float]) -> None:
        """Note that a stage that was begun is done.

        Args:
            name: The stage.
            seconds: What each of its commands took.
        """
        self._begun[name].finish(seconds=sum(seconds), command_seconds=list(seconds))

    def lost_needs(self, name: str) -> str | None:
        """Return why a stage cannot be run, if it needs a failed one."""
        failed = [need for need in self.stages[name].needs if need in self.failed]
        return f'needs {", ".join(failed)}, which failed' if failed else None

    def progress(self, name: str) -> str | None:
        """Return how far a training, or what else counts, is by its log."""
        text = _end(self.log(name))
        if found := PROGRESS.findall(text):
            at, total, left, loss = found[-1]
            return f'iteration {at} of {total}, loss {loss}, {left} left'
        bars = BAR.findall(text)
        return bars[-1] if bars else None

    def _stamp(self, name: str, digest: str) -> Stamp:
        return Stamp(
            self._path(name, 'done.json'),
            name,
            dict(hash=digest),
            partial=self._path(name, 'started.json'),
            tolerant=True,
        )

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / f'{name}.{kind}'


def tail(log: Path) -> str:
    """Return the last lines of a log, indented, behind its name."""
    lines = _end(log).splitlines()[-TAIL_LINES:]
    return '\n  '.join([f'log: {log}', *lines])


def _end(log: Path) -> str:
    try:
        with open(log, 'rb') as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors='replace')
    except FileNotFoundError:
        return ''


def _hash(stage: Stage, needed: Sequence[str], shared: dict) -> str:
    """Hash what decides a stage's result: its own and that of what it needs."""
    text = '\0'.join([stage.key(shared), *needed])
    return hashlib.sha256(text.encode()).hexdigest()
