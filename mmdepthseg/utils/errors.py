"""The exception for what the user has to put right."""

import difflib
from collections.abc import Iterable, Mapping, Sequence


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


def listed(names: Sequence[object], shown: int = 3) -> str:
    """Return the first names and the number of the others: `a, b, c and 4 more`."""
    more = f' and {len(names) - shown:,} more' if len(names) > shown else ''
    return ', '.join(map(str, names[:shown])) + more


def check_keys(
    given: Iterable[str],
    known: Iterable[str],
    place: str,
    likeness: float | None = None,
    cure: str = 'a name of your own: choose another',
) -> None:
    """Refuse misspelt keys.

    Args:
        given: Keys, or a dict with them.
        known: What is read there.
        place: Where the keys stand, for the message.
        likeness: 0..1. Where keys of one's own may stand: only those are refused that
            are at least so much like one of `known`. None: all that are not known.
        cure: With `likeness`: what to do if the key is not misspelt.

    Raises:
        UserError: Naming place and key, and what was probably meant.
    """
    known = list(known)
    for key in given:
        if key in known:
            continue
        if likeness is None:
            raise UserError(unknown_key(key, known, place))
        if hint := did_you_mean(str(key), known, likeness):
            raise UserError(f'{place} has no key {key!r}{hint} ({cure})')


def unknown_key(
    key: object, known: Iterable[str], place: str, what: str = 'key'
) -> str:
    """Give the message about a key that a place does not have: the nearest, and all."""
    known = sorted(known)
    takes = f' (it takes: {", ".join(known)})' if known else ''
    return f'{place} has no {what} {key!r}{did_you_mean(str(key), known)}{takes}'


def did_you_mean(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a hint naming the nearest: `; did you mean 'a' or 'b'?`, or ''."""
    near = difflib.get_close_matches(name, sorted(set(candidates)), 3, cutoff)
    names = ' or '.join(repr(candidate) for candidate in near)
    return f'; did you mean {names}?' if near else ''
