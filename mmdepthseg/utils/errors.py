"""The exception for what the user has to put right."""

import difflib
from collections.abc import Iterable, Mapping


class UserError(ValueError):
    """Something the user has to change; the message says what, where and how.

    Raised on purpose, for whoever wrote a config, a file or a command line: the tools
    show it as one line, without a traceback. It is a `ValueError`, so that callers from
    Python need not know it.
    """


def refuse(owner: str, reasons: Mapping[str, bool]) -> None:
    """Raise for the first reason that holds: an object's options, checked together.

    Args:
        owner: Whose options they are, for the message.
        reasons: What is expected, what was given and what to do -> whether it applies.

    Raises:
        UserError: `owner: reason`.
    """
    for reason, applies in reasons.items():
        if applies:
            raise UserError(f'{owner}: {reason}')


def did_you_mean(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint naming the nearest candidates: `; did you mean 'a' or 'b'?`, or ''."""
    near = difflib.get_close_matches(name, sorted(set(candidates)), 3, cutoff)
    names = ' or '.join(repr(candidate) for candidate in near)
    return f'; did you mean {names}?' if near else ''
