"""Errors that other libraries raise for the user's mistakes, put into plain words.

MMEngine passes on the error of a constructor; only the frames of its `build_from_cfg`
tell which part of the config it came from. torch wraps the error of a loader's worker
in a text. Besides this module only `errors` and `checkpoints.safety` read frames or
messages of other libraries.
"""

import importlib.util
import re
import traceback
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from mmdepthseg.utils.configs import argument_names, walk
from mmdepthseg.utils.errors import did_you_mean, unknown_key

#: Errors by which constructors of the frameworks refuse their arguments.
REFUSALS = (AssertionError, ImportError, KeyError, RuntimeError, TypeError, ValueError)
#: Not in the default environment, because it is slow to import.
MORE_MODELS = 'mmpretrain'
FRAMEWORKS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch')


def message_of(error: BaseException) -> str:
    """Return the message of an error, also if a loader's worker raised it.

    torch raises such an error again with the worker's traceback as its message.
    """
    text = str(error)
    if text.startswith('Caught ') and 'Original Traceback' in text:
        text = text.rpartition(f'{type(error).__name__}: ')[-1].strip()
    return text


def describe_lack(error: BaseException) -> str | None:
    """Return a message about a machine without memory, or a worker that was killed."""
    text = ' '.join(str(error).split())
    found = re.search(r'DataLoader worker \(pid[^)]*\) [^.]*', text)
    if isinstance(error, RuntimeError) and found:
        return (
            f'{found[0]}; usually the machine ran out of memory or of /dev/shm: lower '
            'num_workers or batch_size, and go on with --resume'
        )
    if isinstance(error, MemoryError) or "DefaultCPUAllocator: can't allocate" in text:
        return (
            'this machine ran out of memory; lower num_workers, batch_size or the crop '
            f'size ({text[:200]})'
        )
    return None


def describe_build_error(error: BaseException) -> str | None:
    """Return a message that names the entry of a config that cannot be built.

    Returns:
        The message, or None if a config entry did not cause the error.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    builds = [frame for frame in frames if frame.f_code.co_name == 'build_from_cfg']
    if not builds:
        return _describe_runner(error, frames)
    inner, raised_there = builds[-1].f_locals, frames[-1] is builds[-1]
    if isinstance(error, KeyError) and raised_there:
        return _describe_type(error, inner)
    if not isinstance(error, TypeError):
        inside = frames[frames.index(builds[-1]) + 1 :]
        return _describe_refusal(error, inner, inside)
    match = re.search(r"got an unexpected keyword argument '(\w+)'", str(error))
    if match:
        described = (
            _describe_key(match[1], str(error), frame.f_locals)
            for frame in reversed(builds)
        )
        return next(filter(None, described), None)
    if raised_there:  # a needed argument is missing
        return f'config: type={_type_name(inner)!r}: {error}'
    return _describe_refusal(error, inner, frames[frames.index(builds[-1]) + 1 :])


def _describe_runner(error: BaseException, frames: Sequence[FrameType]) -> str | None:
    """Return the reason for which MMEngine's Runner refuses its config."""
    names = [str(frame.f_globals.get('__name__')) for frame in frames]
    begun = any(frame.f_code.co_name in ('run', 'train_step') for frame in frames)
    place = 'mmengine.' if isinstance(error, ImportError) else 'mmengine.runner.'
    if begun or not names or not names[-1].startswith(place):
        return None
    reason = _reason(error) if isinstance(error, REFUSALS) else ''
    return f'config: {reason}' if reason else None


def _describe_refusal(
    error: BaseException, variables: Mapping[str, Any], frames: Sequence[FrameType]
) -> str | None:
    """Return the reason for which a constructor of a framework refuses its arguments.

    What our own constructors, or functions that they call, raise is a bug.
    """
    if not isinstance(error, REFUSALS):
        return None
    packages = [str(f.f_globals.get('__name__')).split('.')[0] for f in frames]
    constructors = [f.f_code.co_name.startswith(('__init', '_init')) for f in frames]
    apart = [p not in FRAMEWORKS and not c for p, c in zip(packages, constructors)]
    if not frames or packages[-1] not in FRAMEWORKS or any(apart):
        return None
    reason = _reason(error)
    return f'config: type={_type_name(variables)!r}: {reason}' if reason else None


def _reason(error: BaseException) -> str:
    """Return the reason that a framework gives for an error, '' if there is none."""
    line = str(traceback.extract_tb(error.__traceback__)[-1].line)
    if isinstance(error, KeyError):  # one word is no reason, but a lost key
        text = str(error.args[0]) if error.args else ''
        return text if ' ' in text else ''
    if isinstance(error, AssertionError) and not str(error):
        return line  # what was asserted
    if isinstance(error, TypeError) and not line.startswith('raise'):
        return ''
    return str(error)


def _type_name(variables: Mapping[str, Any]) -> str:
    kind = variables.get('obj_cls')
    return getattr(kind, '__name__', str(variables.get('obj_type')))


def _describe_key(key: str, text: str, variables: Mapping[str, Any]) -> str | None:
    """Name type and key if the dict that was being built contains the key."""
    arguments = variables.get('args') or {}
    place = f'config: type={_type_name(variables)!r}'
    if key in arguments:
        known = argument_names(variables.get('obj_cls')) - {key}
        return unknown_key(key, known, place, 'argument')
    inside = any(where.endswith(f'.{key}') for where, _ in walk(arguments, ''))
    return f'{place}: {text}' if inside else None


def _describe_type(error: KeyError, variables: Mapping[str, Any]) -> str:
    """Name a type that no registry has, and similar ones."""
    name, registry = variables.get('obj_type'), variables.get('registry')
    if name is None or registry is None:  # there is no `type`
        return f'config: {error.args[0]}'
    scope = str(name).rpartition('.')[0]
    if scope == MORE_MODELS and importlib.util.find_spec(scope) is None:
        return (
            f'config: type={name!r}: {scope} is not installed; it comes with pip '
            f'install "mmdepthseg[{scope}]" (docs/compatibility.md)'
        )
    kind, known = registry.name, set()
    while registry is not None:
        known |= set(registry.module_dict)
        registry = registry.parent
    return (
        f'config: there is no {kind} of type={name!r}'
        f'{did_you_mean(name.rsplit(".", 1)[-1], known)} (misspelt, or its module is '
        'not imported: see `custom_imports`)'
    )
