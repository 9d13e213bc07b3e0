"""What is recorded of a selection with networks, and which record it may replace."""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import mmengine
import mmseg
import numpy as np
import torch

from mmdepthseg.selection.files import RECORD, remove_selection
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash
from mmdepthseg.version import __version__


def describe_file(path: str | Path) -> dict[str, str]:
    """What is recorded of a file: its whole path and the SHA-256 of its content."""
    path = Path(path).expanduser()
    return dict(path=str(path.resolve()), sha256=file_hash(path))


def versions() -> dict[str, str]:
    """Versions of what takes part."""
    return dict(
        python=platform.python_version(),
        mmdepthseg=__version__,
        torch=str(torch.__version__),
        mmengine=mmengine.__version__,
        mmseg=mmseg.__version__,
        numpy=np.__version__,
    )


def describe_files(paths: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """`describe_file` of those that are given, by role."""
    return {role: describe_file(path) for role, path in paths.items() if path}


def check_record(
    folder: Path,
    options: Mapping,
    inputs: Mapping[str, str | None],
    budgets: Sequence[int],
    scored: bool,
    overwrite: bool,
) -> None:
    """Raise if a folder holds another selection; with `overwrite`, remove it.

    Args:
        folder: That of `selection.json`, if there is one.
        options: What the picks depend on, JSON types.
        inputs: Paths of the files whose content counts, by role.
        budgets: Frames in all.
        scored: Whether each budget is a step with a student of those before. A
            frame's pick then depends on the budgets up to its own; more of them may
            follow, or the last be left out.
        overwrite: Whether another selection may go.

    Raises:
        UserError: There is another one, naming what differs, or a damaged record.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text())
        old, files = dict(record['options']), record['files']
        before = sorted(set(old.pop('budget')))
        old.update({role: files.get(role, {}).get('sha256') for role in inputs})
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path}: damaged ({error}); remove it') from None
    new = json.loads(json.dumps(dict(options)))
    now_files = describe_files(inputs)
    new.update({role: now_files.get(role, {}).get('sha256') for role in inputs})
    changed = [
        f'{key} (then {str(old.get(key))[:40]}, now {str(value)[:40]})'
        for key, value in new.items()
        if old.get(key) != value
    ]
    now = sorted(set(budgets))
    if scored and any(one != other for one, other in zip(before, now)):
        changed.append(
            f'budget (then {before}, now {now}; each is a step whose picks '
            'the later ones build on)'
        )
    if changed and not overwrite:
        raise UserError(
            f'{folder} holds another selection: {"; ".join(changed)}. Give another '
            '--out, or --overwrite to replace it'
        )
    if changed:
        remove_selection(folder)
