"""What tools/select_samples.py leaves on a tiny pool."""

import json
from pathlib import Path

BUDGETS = ('--budget', 3, 6, 8)


def record_of(out: Path) -> dict:
    """Return the record of a selection."""
    return json.loads((out / 'selection.json').read_text())


def contents(out: Path) -> dict[str, bytes]:
    """Return the bytes of all that is computed, by path."""
    kinds = ('.npy', '.txt', '.png')
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob('*'))
        if path.suffix in kinds
    }


def times(out: Path) -> dict[Path, int]:
    """Return when each large file was written."""
    return {
        path: path.stat().st_mtime_ns
        for path in out.rglob('*')
        if path.suffix in ('.npy', '.pth', '.png')
    }
