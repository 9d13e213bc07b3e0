"""Stages of a job, and the book of their states.

The book has a hash for each finished stage. It covers everything that determines the
result: the stage's own key (configs, options, ...) and the hashes of the stages that it
needs. The stage is not run again while this hash is the same. An interrupted stage
continues with the content of its folder if the hash is still that of its start.
Otherwise its folder is removed first, so that results of another config or seed are
never reported; but not a folder that no record tells to be the stage's.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import read_json
from mmdepthseg.utils.stamp import DONE, MISSING, Stamp, renamed

#: States of a stage, in addition to these two.
OUTDATED, FAILED, QUEUED, RUNNING = 'outdated', 'failed', 'queued', 'running'
#: Fact of a stage that is begun: seconds of its commands in earlier calls.
SPENT = 'spent'
TAIL_LINES = 15
TAIL_BYTES = 4096
PROGRESS = re.compile(
    r'Iter\(train\) *\[ *(\d+)/(\d+)\].*? eta: ((?:\d+ days?, )?[\d:]+) '
    r'.*? loss: ([\d.]+)'
)
#: A line of `utils.progress`.
BAR = re.compile(r'\[[# ]{30}\] (\d+/\d+ .+)')


@dataclass(frozen=True)
class Stage:
    """One step of a job.

    Attributes:
        name: Short name, also of its log.
        commands: Argument lists, run one after another; may be empty.
        key: Returns a text of everything that determines the result, except the stages
            it needs. It is called right before the start. Its argument is a dict in
            which keys that are called together share what they read. It must be
            picklable, for a cluster.
        needs: Names of stages that must be finished.
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
        """Return the outputs that do not exist."""
        return [output for output in self.outputs if not Path(output).exists()]


class StageBook:
    """The states of a job's stages, kept in a folder.

    Args:
        stages: All stages, each after those it needs.
        folder: The folder of the logs and of the book's files.
        version: Version of the code, noted at each start of a stage. The record lists
            all of them, since a later version may have continued an earlier one's work.

    Attributes:
        failed: Stage name -> reason, in this call.
        busy: Stage name -> 'queued' or 'running', in this call.
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
        """Return the state of each stage.

        'outdated' means that it is done, but that what determines it has changed.
        """
        hashes = self.hashes()
        found = {}
        for name, stage in self.stages.items():
            stamp = self._stamp(name, hashes[name])
            if name in self.failed:
                found[name] = FAILED
            elif name in self.busy:
                found[name] = self.busy[name]
            elif stamp.look() != DONE or not self.record(name) or stage.lost():
                found[name] = MISSING
            else:
                found[name] = OUTDATED if stamp.changed else DONE
        return found

    def hashes(self) -> dict[str, str]:
        """Return the hash that each stage would get now."""
        found: dict[str, str] = {}
        shared: dict = {}
        for name, stage in self.stages.items():
            found[name] = _hash(stage, [found[need] for need in stage.needs], shared)
        return found

    def record(self, name: str) -> dict:
        """Return the record of a finished stage: hash, seconds, versions.

        The record is empty if the stage is not finished.
        """
        try:
            found = read_json(self._path(name, 'done.json'), dict)
        except (OSError, UserError):
            return {}
        whole = (
            isinstance(found.get('hash'), str)
            and isinstance(found.get('seconds'), int | float)
            and isinstance(found.get('versions'), list)
        )
        return found if whole else {}

    def log(self, name: str) -> Path:
        """Return the log of a stage."""
        return self._path(name, 'log')

    def begin(self, stage: Stage) -> bool:
        """Tell whether a stage must be run, and prepare its folder and record.

        Returns:
            False if it is already done.

        Raises:
            UserError: A stage that it needs is not done, or there is a folder of its
                name that no record tells to be its own.
        """
        for need in stage.needs:
            if not self.record(need):
                raise UserError(f'{self.folder}: {stage.name} needs {need}, not done')
        digest = _hash(stage, [self.record(need)['hash'] for need in stage.needs], {})
        stamp = self._begun[stage.name] = self._stamp(stage.name, digest)
        known = any(map(Path.exists, filter(None, (stamp.path, stamp.partial))))
        state = stamp.look()
        if state == DONE and not stamp.changed and not stage.lost():
            return False
        if state == MISSING or stamp.changed:
            self._make_room(stage, foreign=not known, ours=state != MISSING)
            stamp.clear()
            stamp.facts = {}
        elif (
            state == DONE
            and len(stage.commands) > 1
            and Path(stage.folder or '/').is_dir()
        ):
            # outputs are of its tests: the training is there, and is over at once
            stamp.facts[SPENT] = stamp.facts.get('command_seconds', [])[:1]
        versions = [*stamp.facts.get('versions', []), self.version]
        stamp.note(versions=list(dict.fromkeys(versions)))
        return True

    def _make_room(self, stage: Stage, foreign: bool, ours: bool) -> None:
        """Remove what a stage left with another hash; never what may not be its own."""
        folder = Path(stage.folder or '')
        if stage.folder is None or not folder.exists():
            return
        if foreign and any(folder.iterdir()):
            raise UserError(
                f'{folder} would be the folder of {stage.name}, but it is there '
                f'already, and {self.folder} has no record that it belongs to this '
                'table: give another --work-dir, or move the folder away'
            )
        if ours or foreign:
            shutil.rmtree(folder)
        else:  # the record is damaged
            renamed(folder)

    def finish(self, name: str, seconds: Sequence[float]) -> None:
        """Note that a stage is done.

        Args:
            name: The stage, for which `begin` was called.
            seconds: Duration of each of its commands, in this call; what `pause` has
                noted is added.
        """
        stamp = self._begun[name]
        spent = _added(stamp.facts.pop(SPENT, []), seconds)
        stamp.finish(seconds=sum(spent), command_seconds=spent)

    def pause(self, name: str, seconds: Sequence[float]) -> None:
        """Note how long a stage has taken that goes on in a later call.

        Args:
            name: The stage, for which `begin` was called.
            seconds: Duration of each of its commands so far, in this call.
        """
        stamp = self._begun[name]
        stamp.note(**{SPENT: _added(stamp.facts.get(SPENT, []), seconds)})

    def lost_needs(self, name: str) -> str | None:
        """Return the reason if a stage cannot be run, because it needs a failed one."""
        failed = [need for need in self.stages[name].needs if need in self.failed]
        return f'needs {", ".join(failed)}, which failed' if failed else None

    def progress(self, name: str) -> str | None:
        """Return the progress of a training or of a counting tool, from its log."""
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


def _added(earlier: Any, seconds: Sequence[float]) -> list[float]:
    """Return the sums, command by command; what a file has is not trusted."""
    known = earlier if isinstance(earlier, list) else []
    numbers = [n if isinstance(n, int | float) else 0 for n in known]
    return [sum(pair) for pair in zip_longest(numbers, seconds, fillvalue=0)]


def tail(log: Path) -> str:
    """Return the name of a log and, indented, its last lines."""
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
    """Return the hash of a stage's own key and of the stages that it needs."""
    text = '\0'.join([stage.key(shared), *needed])
    return hashlib.sha256(text.encode()).hexdigest()
