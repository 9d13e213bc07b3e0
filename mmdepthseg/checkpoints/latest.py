"""The checkpoint from which a killed run goes on: the newest whole one."""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mmengine.logging import print_log

from mmdepthseg.checkpoints.reading import is_remote, read_checkpoint
from mmdepthseg.checkpoints.safety import UntrustedFileError
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import read_text

#: MMEngine's file with the path of the last checkpoint.
POINTER = 'last_checkpoint'
#: `iter_1000.pth`, `epoch_3.pth`; the best checkpoints lack the optimiser.
_NUMBERED = re.compile(r'(?!best_).*_(\d+)\.pth')


def newest_whole(
    work_dir: str | os.PathLike, out_dir: str | os.PathLike | None = None
) -> str | None:
    """Return the newest checkpoint of a run that can be resumed, and log the choice.

    MMEngine takes what `last_checkpoint` names. Here that file may be missing, empty,
    or name a file that is gone, damaged, or in the folder of which this is a copy. A
    checkpoint with a higher number counts as newer only if it was written after
    `last_checkpoint`: otherwise it is left from an earlier run in the same folder.

    Args:
        work_dir: Folder of the run.
        out_dir: That of its `CheckpointHook`, if the checkpoints are elsewhere.

    Returns:
        Its path; None if there is none.

    Raises:
        UntrustedFileError: The newest one holds more than weights.
    """
    folder = Path(work_dir)
    place = Path(out_dir, folder.name) if out_dir else folder
    named = _named(folder)
    if named and is_remote(named):
        return named
    left_out = []
    for path in _candidates(place, named, folder / POINTER):
        try:
            content = read_checkpoint(path)
            meta = content.get('meta')
            if not isinstance(meta, Mapping) or not {'iter', 'epoch'} <= {*meta}:
                raise UserError(f'{path} is not the checkpoint of a training')
        except UntrustedFileError:
            raise
        except UserError as error:
            left_out.append(str(error))
            continue
        _explain(folder, named, path, left_out)
        return str(path)
    _explain(folder, named, None, left_out)
    return None


def _named(folder: Path) -> str:
    """Return what the pointer names, '' for nothing."""
    try:
        return read_text(folder / POINTER, tolerant=True).strip(' \n\0')
    except OSError:
        return ''


def _candidates(folder: Path, named: str, pointer: Path) -> list[Path]:
    """List the checkpoints of a run, the newest first."""
    numbers: dict[Path, float] = {
        path: int(match[1])
        for path in folder.glob('*.pth')
        if (match := _NUMBERED.fullmatch(path.name)) and path.is_file()
    }
    if not named:
        return sorted(numbers, key=lambda path: numbers[path], reverse=True)
    pointed = folder / Path(named).name  # the folder may have been moved or copied
    match = _NUMBERED.fullmatch(pointed.name)
    last = float(match[1]) if match else float('inf')
    if pointed.is_file():
        numbers[pointed] = last
    written = pointer.stat().st_mtime_ns

    def newness(path: Path) -> tuple[bool, float]:
        stale = numbers[path] > last and path.stat().st_mtime_ns < written
        return not stale, numbers[path]

    return sorted(numbers, key=newness, reverse=True)


def _explain(folder: Path, named: str, path: Path | None, left_out: list[str]) -> None:
    """Log which checkpoint is resumed and why."""
    for reason in left_out:
        print_log(f'not resumed: {reason}', logger='current', level=logging.WARNING)
    if path is None:
        print_log(f'nothing to resume in {folder}: a new run starts', logger='current')
        return
    why = f'the newest whole checkpoint in {folder}'
    if named and Path(named) != path:
        why += f'; {POINTER} names {named}'
    elif not named:
        why += f'; {POINTER} is missing or empty'
    print_log(f'resuming from {path}: {why}', logger='current')
