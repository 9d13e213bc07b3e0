"""Errors of building an object from a config dict, put in the config's words."""

import inspect
import re
from types import FrameType

from mmdepthseg.utils.errors import did_you_mean

_UNEXPECTED = re.compile(r"\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"\(\) missing \d+ required [\w-]+ arguments?: (.+)$")
_UNREGISTERED = re.compile(r"(\S+) is not in the (\S+) registry")


def describe_build_error(error: BaseException) -> str | None:
    """One message naming type and key of a config entry that cannot be built.

    MMEngine lets the constructor's TypeError through; which config dict it came from
    is read from the frames of `build_from_cfg` in the traceback.

    Returns:
        The message, or None when the error did not come from a config's keys.
    """
    frames = _frames(error)
    builds = [f for f in frames if f.f_code.co_name == "build_from_cfg"]
    if not builds:
        return None
    text = str(error)
    if isinstance(error, KeyError) and (match := _UNREGISTERED.search(text)):
        return _describe_unregistered(match.group(1).strip("'\""), builds[-1])
    if not isinstance(error, TypeError):
        return None
    if match := _UNEXPECTED.search(text):
        return _describe_unexpected(match.group(1), builds)
    if (match := _MISSING.search(text)) and frames[-1] is builds[-1]:
        owner = _owner_name(builds[-1])
        return f"config: type={owner!r} lacks the argument {match.group(1)}"
    return None


def _frames(error: BaseException) -> list[FrameType]:
    frames, step = [], error.__traceback__
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    return frames


def _owner_name(frame: FrameType) -> str:
    owner = frame.f_locals.get("obj_cls")
    return getattr(owner, "__name__", str(frame.f_locals.get("obj_type")))


def _describe_unexpected(key: str, builds: list[FrameType]) -> str | None:
    """Name the innermost config dict that carries `key`."""
    for frame in reversed(builds):
        if key in (frame.f_locals.get("args") or {}):
            known = sorted(argument_names(frame.f_locals.get("obj_cls")) - {key})
            return (
                f"config: type={_owner_name(frame)!r} has no argument {key!r}"
                f"{did_you_mean(key, known)} (it takes: {', '.join(known)})"
            )
    return None  # the constructor itself calls something wrongly: not a config error


def argument_names(owner: object) -> set[str]:
    """Names that the constructor of a class, its bases included, or a function takes.

    The bases count because constructors pass `**kwargs` on.
    """
    if inspect.isclass(owner):
        members = [vars(base).get("__init__") for base in owner.__mro__[:-1]]
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
    return names - {"self"}


def _describe_unregistered(name: str, frame: FrameType) -> str:
    registry = frame.f_locals.get("registry")
    kind, known = "object", set()
    if registry is not None:
        kind = registry.name
        while registry is not None:
            known |= set(registry.module_dict)
            registry = registry.parent
    return (
        f"config: there is no {kind} of type={name!r}"
        f"{did_you_mean(name.rsplit('.', 1)[-1], known)} (misspelt, or its module is "
        "not imported: see `custom_imports`)"
    )
