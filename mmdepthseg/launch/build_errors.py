"""Errors of building an object from a config dict, put in the config's words.

MMEngine lets the error of a constructor through. Which part of the config it came from
is only to be read from the frames of its `build_from_cfg`: that is done here, and
nowhere else.
"""

import re
import traceback
from collections.abc import Mapping
from typing import Any

from mmdepthseg.launch.config_keys import argument_names
from mmdepthseg.utils.errors import did_you_mean, unknown_key

_UNEXPECTED = re.compile(r"got an unexpected keyword argument '(\w+)'")


def describe_build_error(error: BaseException) -> str | None:
    """Return one message naming type and key of a config entry that cannot be built.

    Returns:
        The message, or None when the error did not come from a config's keys.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    builds = [frame for frame in frames if frame.f_code.co_name == 'build_from_cfg']
    if not builds:
        return None
    by_call_itself = frames[-1] is builds[-1]
    if isinstance(error, KeyError) and by_call_itself:
        return _describe_type(error, builds[-1].f_locals)
    if not isinstance(error, TypeError):
        return None
    match = _UNEXPECTED.search(str(error))
    for frame in reversed(builds):
        if match is None:
            break
        found = _describe_key(match.group(1), str(error), frame.f_locals)
        if found:
            return found
    if by_call_itself and not match:  # a needed argument is missing
        return f'config: type={_type_name(builds[-1].f_locals)!r}: {error}'
    return None  # the constructor itself calls something wrongly: not a config error


def _type_name(variables: Mapping[str, Any]) -> str:
    kind = variables.get('obj_cls')
    return getattr(kind, '__name__', str(variables.get('obj_type')))


def _describe_key(key: str, text: str, variables: Mapping[str, Any]) -> str | None:
    """Name type and key if the dict that was being built holds the key."""
    arguments = variables.get('args') or {}
    place = f'config: type={_type_name(variables)!r}'
    if key in arguments:
        known = argument_names(variables.get('obj_cls')) - {key}
        return unknown_key(key, known, place, 'argument')
    return f'{place}: {text}' if _holds(arguments, key) else None


def _holds(node: Any, key: str) -> bool:
    """Tell whether some dict below a node has the key."""
    if isinstance(node, Mapping):
        return key in node or any(_holds(value, key) for value in node.values())
    return isinstance(node, list | tuple) and any(_holds(value, key) for value in node)


def _describe_type(error: KeyError, variables: Mapping[str, Any]) -> str:
    """Name a type that no registry has, and those that are like it."""
    name, registry = variables.get('obj_type'), variables.get('registry')
    if name is None or registry is None:  # there is no `type`
        return f'config: {error.args[0]}'
    kind, known = registry.name, set()
    while registry is not None:
        known |= set(registry.module_dict)
        registry = registry.parent
    return (
        f'config: there is no {kind} of type={name!r}'
        f'{did_you_mean(name.rsplit(".", 1)[-1], known)} (misspelt, or its module is '
        'not imported: see `custom_imports`)'
    )
