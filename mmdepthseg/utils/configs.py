"""Walks through configs, and what their dicts are arguments of. No framework here."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


def walk(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield a part of a config and every value below it, with its place.

    Args:
        node: Dict, list, tuple or value.
        place: Its dotted key.

    Yields:
        Dotted key and value.
    """
    yield place, node
    if isinstance(node, Mapping):
        items: Iterable[tuple] = node.items()
    else:
        items = enumerate(node) if isinstance(node, list | tuple) else ()
    for key, value in items:
        yield from walk(value, f'{place}.{key}')


def type_name(kind: Any) -> str:
    """Return the name of a `type`, a class or text, without scope and module."""
    return str(getattr(kind, '__name__', kind)).rsplit('.', 1)[-1]


def readers(owner: Any) -> list[Callable]:
    """Return the functions that read the arguments of a function or a class.

    For a class these are its constructor and those of its bases, nearest first, because
    constructors pass `**kwargs` on.
    """
    if not inspect.isclass(owner):
        return [owner]
    members = [vars(base).get('__init__') for base in owner.__mro__[:-1]]
    return [member for member in members if member is not None]


def argument_names(owner: object) -> set[str]:
    """Return the names of the arguments of a function or a class; see `readers`."""
    names: set[str] = set()
    for function in readers(owner):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            continue
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        names |= {p.name for p in parameters if p.kind not in variadic}
    return names - {'self'}
