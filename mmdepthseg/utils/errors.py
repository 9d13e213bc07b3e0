"""The exception for mistakes of the user."""

import difflib
import importlib.util
from collections.abc import Collection, Iterable, Mapping, Sequence


class UserError(ValueError):
    """Mistake of the user; the message says what to change, where and how.

    Raised on purpose, for the author of a config, a file or a command line: the tools
    show it as one line, without a traceback. It is a `ValueError`, so that callers from
    Python need not know it.
    """


class Stopped(SystemExit):
    """The orderly end of a training or a table after a signal."""


def refuse(owner: str, reasons: Mapping[str, bool]) -> None:
    """Raise an error for the first reason that applies; checks an object's options.

    Args:
        owner: Name of the object, for the message.
        reasons: What is expected, what was given and what to do -> whether it applies.

    Raises:
        UserError: `owner: reason`.
    """
    for reason, applies in reasons.items():
        if applies:
            raise UserError(f'{owner}: {reason}')


def filled_in(cfg: Mapping, owner: str, **values: object) -> dict:
    """Return a part's config with what follows from other options.

    Args:
        cfg: Config of the part.
        owner: Name of the part, for the message.
        **values: Options that are not the author's to choose.

    Raises:
        UserError: The config has another value, which would be lost.
    """
    for key, value in values.items():
        if key in cfg and cfg[key] != value:
            raise UserError(
                f'{owner}: {key}={cfg[key]!r} has no effect, it is {value!r} because '
                f'of other options: leave {key} out'
            )
    return {**cfg, **values}


def require_extra(
    owner: str, extra: str, packages: Iterable[str], otherwise: str = ''
) -> None:
    """Refuse what needs packages of an extra, unless they are installed.

    Args:
        owner: What needs them.
        extra: Name of the extra.
        packages: Their names for `import`.
        otherwise: What else to do.

    Raises:
        UserError: Names the packages that are missing, and the extra.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f'{owner} needs packages that are missing: {", ".join(missing)}. Install '
            f"the extra with `pip install -e '.[{extra}]'`{otherwise}."
        )


def listed(names: Sequence[object], shown: int = 3, between: str = ', ') -> str:
    """Return the first names and the number of the others: `a, b, c and 4 more`."""
    more = f' and {len(names) - shown:,} more' if len(names) > shown else ''
    return between.join(map(str, names[:shown])) + more


def check_keys(
    given: Collection[str],
    known: Iterable[str],
    place: str,
    likeness: float | None = None,
    cure: str = 'a name of your own: choose another',
    needed: Iterable[str] = (),
) -> None:
    """Refuse misspelt and missing keys.

    Args:
        given: Keys, or a dict with them.
        known: The keys that are read there.
        place: Where the keys stand, for the message.
        likeness: 0..1, for places that may have other keys as well: refuse only those
            that are at least this similar to a known one. None: refuse all others.
        cure: With `likeness`: what to do if the key is not misspelt.
        needed: Keys that must be there.

    Raises:
        UserError: Names place and key, and the key that was probably meant.
    """
    known = list(known)
    for key in given:
        if key in known:
            continue
        if likeness is None:
            raise UserError(unknown_key(key, known, place))
        if hint := did_you_mean(str(key), known, likeness):
            raise UserError(f'{place} has no key {key!r}{hint} ({cure})')
    lost = [key for key in needed if key not in given]
    if lost:
        raise UserError(f'{place} lacks {", ".join(map(repr, lost))}')


def unknown_key(
    key: object, known: Iterable[str], place: str, what: str = 'key'
) -> str:
    """Return the message about an unknown key, with the nearest and all known ones."""
    known = sorted(known)
    takes = f' (it takes: {", ".join(known)})' if known else ''
    return f'{place} has no {what} {key!r}{did_you_mean(str(key), known)}{takes}'


def did_you_mean(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a hint with the nearest names, `; did you mean 'a' or 'b'?`, or ''."""
    near = difflib.get_close_matches(name, sorted(set(candidates)), 3, cutoff)
    names = ' or '.join(repr(candidate) for candidate in near)
    return f'; did you mean {names}?' if near else ''
