"""Whether files of weights are trusted: they may run code when they are read.

No framework is imported here.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping

#: The option of our tools, and the variable that does the same everywhere.
SWITCH = '--trust-checkpoint'
VARIABLE = 'MMDEPTHSEG_TRUST_CHECKPOINT'
#: What torch itself obeys, whoever calls `torch.load`.
ONLY_WEIGHTS = {
    'TORCH_FORCE_WEIGHTS_ONLY_LOAD': '1',
    'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': None,
}


def is_trusted() -> bool:
    """Tell whether the user trusts the files of weights."""
    return os.environ.get(VARIABLE, '') not in ('', '0')


@contextlib.contextmanager
def variables(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change environment variables for a while; None removes one."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def trusting(trust: bool) -> contextlib.AbstractContextManager:
    """Set for this process and its children whether files of weights are trusted.

    If they are not, torch refuses all others than weights, also in other packages
    (timm, torch.hub) that ask it to read everything.

    Args:
        trust: Whether the user gave `--trust-checkpoint`; the variable counts as well.
    """
    if trust or is_trusted():
        return variables({VARIABLE: '1'})
    return variables(ONLY_WEIGHTS)
