"""Errors of building an object from a config dict, put in the config's words."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from mmdepthseg.utils.errors import did_you_mean

_UNEXPECTED = re.compile(r"\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r'\(\) missing \d+ required [\w-]+ arguments?: (.+)$')
_CALLEE = re.compile(r'^([\w.]+)\(\) (?:got an unexpected|missing \d+ required)')
_UNREGISTERED = re.compile(r'(\S+) is not in the (\S+) registry')

# Parts of a config that MMEngine passes to a plain call, without a registry: the name
# that the call has in a TypeError, its module, and the parts.
_PLAIN_CALLS = {
    'DataLoader.__init__': (
        'torch.utils.data',
        ('train_dataloader', 'val_dataloader', 'test_dataloader'),
    ),
    'Runner.set_randomness': ('mmengine.runner', ('randomness',)),
    'set_multi_processing': ('mmengine.utils.dl_utils', ('env_cfg.mp_cfg',)),
    'init_dist': ('mmengine.dist', ('env_cfg.dist_cfg',)),
}


def describe_build_error(error: BaseException) -> str | None:
    """One message naming type and key of a config entry that cannot be built.

    MMEngine lets the constructor's TypeError through; which config dict it came from
    is read from the frames of `build_from_cfg` in the traceback.

    Returns:
        The message, or None when the error did not come from a config's keys.
    """
    frames = _frames(error)
    if isinstance(error, TypeError) and (plain := _describe_plain(str(error), frames)):
        return plain
    builds = [f for f in frames if f.f_code.co_name == 'build_from_cfg']
    if not builds:
        return None
    text = str(error)
    if isinstance(error, KeyError) and (match := _UNREGISTERED.search(text)):
        return _describe_unregistered(match.group(1).strip('\'"'), builds[-1])
    if not isinstance(error, TypeError):
        return None
    if _UNEXPECTED.search(text):
        return _describe_unexpected(text, frames, builds)
    if (match := _MISSING.search(text)) and frames[-1] is builds[-1]:
        owner = _owner_name(builds[-1])
        return f'config: type={owner!r} lacks the argument {match.group(1)}'
    return None


def _frames(error: BaseException) -> list[FrameType]:
    frames, step = [], error.__traceback__
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    return frames


def _owner_name(frame: FrameType) -> str:
    owner = frame.f_locals.get('obj_cls')
    return getattr(owner, '__name__', str(frame.f_locals.get('obj_type')))


def _describe_unexpected(
    text: str, frames: list[FrameType], builds: list[FrameType]
) -> str | None:
    """Name the innermost config dict that carries the key of the error."""
    key = _UNEXPECTED.search(text).group(1)
    for frame in reversed(builds):
        arguments = frame.f_locals.get('args') or {}
        owner = f'type={_owner_name(frame)!r}'
        if key in arguments:
            known = argument_names(frame.f_locals.get('obj_cls'))
            return f'config: {owner} has no argument {_with_known(key, known)}'
        places = list(_places(key, arguments))
        if places:
            callee = _callee(text, frames[-1])
            known = set() if callee is None else argument_names(callee)
            return (
                f'config: {" and ".join(places)} of {owner} has no key '
                f'{_with_known(key, known)}'
            )
    return None  # the constructor itself calls something wrongly: not a config error


def _with_known(key: str, known: set[str]) -> str:
    """The key, the nearest of the known ones, and all of them."""
    known = known - {key}
    takes = f' (it takes: {", ".join(sorted(known))})' if known else ''
    return f'{key!r}{did_you_mean(key, known)}{takes}'


def _places(key: str, node: Any, place: str = '') -> Iterator[str]:
    """Where, below a node, a plain dict holds a key.

    A dict with a type is built for itself, by a call of `build_from_cfg` of its own.
    """
    if isinstance(node, Mapping):
        items = () if place and 'type' in node else node.items()
    else:
        items = enumerate(node) if isinstance(node, list | tuple) else ()
    for name, value in items:
        if name == key and place:
            yield place
        yield from _places(key, value, f'{place}.{name}' if place else str(name))


def _callee(text: str, frame: FrameType) -> object | None:
    """What the frame called when it failed, found by its name in the error."""
    match = _CALLEE.search(text)
    if match is None:
        return None
    first, *rest = match.group(1).split('.')
    found = frame.f_globals.get(first)
    # the signature of a class is that of its bases too
    for name in rest if rest != ['__init__'] else ():
        found = getattr(found, name, None)
    return found


def argument_names(owner: object) -> set[str]:
    """Names that the constructor of a class, its bases included, or a function takes.

    The bases count because constructors pass `**kwargs` on.
    """
    if inspect.isclass(owner):
        members = [vars(base).get('__init__') for base in owner.__mro__[:-1]]
        callables = [member for member in members if member is not None]
    else:
        callables = [owner]
    names: set[str] = set()
    for function in callables:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            continue
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        names |= {p.name for p in parameters if p.kind not in variadic}
    return names - {'self'}


def _describe_plain(text: str, frames: list[FrameType]) -> str | None:
    """Name the part of the config that MMEngine handed to a plain call."""
    match = _CALLEE.search(text)
    if match is None or match.group(1) not in _PLAIN_CALLS:
        return None
    module, places = _PLAIN_CALLS[match.group(1)]
    function: Any = importlib.import_module(module)
    for name in match.group(1).split('.'):
        function = getattr(function, name)
    config = _config_of(frames)
    if missing := _MISSING.search(text):
        return f'config: {" or ".join(places)} lacks the key {missing.group(1)}'
    key = _UNEXPECTED.search(text).group(1)
    found = [place for place in places if key in (_part(config, place) or {})]
    if not found:
        return None  # the caller's own mistake: not a config error
    known = sorted(argument_names(function) - {key})
    return (
        f'config: {", ".join(found)} has no key {key!r}{did_you_mean(key, known)} '
        f'(it takes: {", ".join(known)})'
    )


def _config_of(frames: list[FrameType]) -> Mapping:
    """The config that the run was built from, as some caller holds it."""
    for frame in frames:
        for name in ('config', 'cfg'):
            value = frame.f_locals.get(name)
            if hasattr(value, '_cfg_dict'):
                return value._cfg_dict
    return {}


def _part(config: Mapping, place: str) -> Mapping | None:
    for name in place.split('.'):
        config = config.get(name) if isinstance(config, Mapping) else None
    return config if isinstance(config, Mapping) else None


def _describe_unregistered(name: str, frame: FrameType) -> str:
    registry = frame.f_locals.get('registry')
    kind, known = 'object', set()
    if registry is not None:
        kind = registry.name
        while registry is not None:
            known |= set(registry.module_dict)
            registry = registry.parent
    return (
        f'config: there is no {kind} of type={name!r}'
        f'{did_you_mean(name.rsplit(".", 1)[-1], known)} (misspelt, or its module is '
        'not imported: see `custom_imports`)'
    )
