"""Stages that take no time and leave a trace."""

import sys
from functools import partial
from pathlib import Path

from mmdepthseg.experiments.stage import Stage


def read(parts, shared):
    """Texts, and the content of paths: a stage's key."""
    return ' '.join(p.read_text() if isinstance(p, Path) else p for p in parts)


def stage(name, folder, needs=(), reads=(), fail=False):
    """A stage that appends its name to `folder`/order and writes an output."""
    code = (
        f"import sys; open(r'{folder}/order', 'a').write('{name} ');"
        f"open(r'{folder}/{name}.out', 'w').close(); sys.exit({int(fail)})"
    )
    return Stage(
        name,
        ((sys.executable, '-S', '-c', code),),
        partial(read, [name, *reads]),
        tuple(needs),
        (f'{folder}/{name}.out',),
    )


def order(folder):
    """Names of the stages that ran so far."""
    file = Path(folder) / 'order'
    return file.read_text().split() if file.exists() else []
