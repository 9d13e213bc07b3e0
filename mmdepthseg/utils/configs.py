"""Walks through configs, and what their dicts are arguments of. No framework here."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmdepthseg.utils.errors import UserError, did_you_mean

#: How segmentors of MMSeg predict.
MODES = ('whole', 'slide')


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


def check_test_cfg(test_cfg: Mapping[str, Any], place: str) -> None:
    """Refuse values that MMSeg's inference cannot use; it reads them when it predicts.

    Args:
        test_cfg: `mode`, 'whole' (if not given) or 'slide'; with 'slide' `crop_size`
            and `stride`, (height, width) in pixels.
        place: Where it stands, for the message.

    Raises:
        UserError: A value is wrong; the message names the key.
    """
    mode = test_cfg.get('mode', 'whole')
    if mode not in MODES:
        raise UserError(
            f'{place}.mode must be one of {MODES}, got '
            f'{mode!r}{did_you_mean(str(mode), MODES)}'
        )
    if mode == 'whole':
        return
    for key in ('crop_size', 'stride'):
        value = test_cfg.get(key)
        if not (
            isinstance(value, Sequence)
            and [*map(type, value)] == [int, int]
            and min(value) > 0
        ):
            raise UserError(
                f"{place} with mode='slide' needs {key}, (height, width) in whole "
                f'pixels, got {value!r}'
            )
    crop, stride = tuple(test_cfg['crop_size']), tuple(test_cfg['stride'])
    if any(step > side for step, side in zip(stride, crop, strict=True)):
        raise UserError(
            f'{place}.stride={stride} must not exceed crop_size={crop}: pixels would '
            'be left out'
        )
