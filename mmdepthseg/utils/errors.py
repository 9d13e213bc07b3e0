"""The exception for what the user has to put right."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user has to change; the message says what, where and how.

    Raised on purpose, for whoever wrote a config, a file or a command line: the tools
    show it as one line, without a traceback. It is a `ValueError`, so that callers from
    Python need not know it.
    """


def did_you_mean(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint naming the nearest candidates: `; did you mean 'a' or 'b'?`, or ''."""
    near = difflib.get_close_matches(name, sorted(set(candidates)), 3, cutoff)
    names = ' or '.join(repr(candidate) for candidate in near)
    return f'; did you mean {names}?' if near else ''
