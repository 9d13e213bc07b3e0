"""Files of weights are read without running code that they contain.

A pickle can call any function while it is read. torch's `weights_only=True` allows
tensors and a list of further names; here is the list that MMEngine's checkpoints need.
MMEngine itself tries this at first, with a longer list, and then reads everything.
Importing this module makes all of its loaders (files, addresses, `torchvision://`, ...)
refuse instead, so whatever reads weights through MMEngine is safe: the Runner,
`init_cfg`, networks with their own `init_weights`, MMSegmentation's tools.
"""

import argparse
import functools
import importlib
import logging
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner.checkpoint import CheckpointLoader

from mmdepthseg.checkpoints.trust import (
    ONLY_WEIGHTS,
    SWITCH,
    VARIABLE,
    is_trusted,
    variables,
)
from mmdepthseg.frameworks import parse_version
from mmdepthseg.utils.errors import UserError

#: Older versions let files run code in spite of `weights_only` (CVE-2025-32434).
SAFE_TORCH = (2, 6)
_DTYPES = 'float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 bool str'
#: What torch says about a name that is not on the list, or about what was made of one.
_REFUSED = re.compile(
    r'GLOBAL ([\w.]+)|unrecognized function (.+?)(?: which|$)|but got (<class .+>)',
    re.MULTILINE,
)
_CURE = (
    f'If you trust its origin, give {SWITCH}, or set {VARIABLE}=1 for tools of others'
)


class UntrustedFileError(UserError):
    """A file of weights holds more than weights."""


def _history_method(owner: object, name: str) -> Any:
    """Stand in for `getattr`, by which a file would reach every function there is."""
    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(HistoryBuffer, name)
    raise UnpicklingError('GLOBAL builtins.getattr is only for HistoryBuffer')


@functools.lru_cache(maxsize=None)
def _allowed() -> tuple:
    """Return what a checkpoint may hold beside tensors and plain values."""
    core = getattr(np, '_core', None) or np.core
    # files of numpy 1 and 2 call the same functions by different names
    functions = [
        (getattr(core.multiarray, name), f'numpy.{module}.multiarray.{name}')
        for module in ('core', '_core')
        for name in ('scalar', '_reconstruct')
    ]
    dtypes = [type(np.dtype(name)) for name in _DTYPES.split()]
    classes = [np.ndarray, np.dtype, HistoryBuffer, ConfigDict, argparse.Namespace]
    return (*functions, *dtypes, *classes, slice, (_history_method, 'builtins.getattr'))


@contextmanager
def only_weights() -> Iterator[None]:
    """Make `torch.load`, whoever calls it, read weights and nothing else."""
    known = torch.serialization.get_safe_globals()
    # on leaving, torch forgets all that it was given, even if others added it
    new: list = [entry for entry in _allowed() if entry not in known]
    with variables(ONLY_WEIGHTS), torch.serialization.safe_globals(new):
        yield


def read_guarded(read: Callable[[bool], Any], name: str) -> Any:
    """Read a file of weights; refuse others, unless the user trusts them.

    Args:
        read: Reads the file; its argument tells whether only weights are allowed.
        name: The file or address.

    Raises:
        UntrustedFileError: Names the file, what it holds and the switch.
        UnpicklingError: The file is damaged.
    """
    if parse_version(torch.__version__) < SAFE_TORCH:
        problem: str | None = (
            f'cannot be read without running what it contains by torch '
            f'{torch.__version__}; torch >= {".".join(map(str, SAFE_TORCH))} can'
        )
    else:
        try:
            with only_weights():
                content = read(True)
        except UnpicklingError as error:
            problem = _describe(error, name)
            if problem is None:
                raise
        else:
            return content if is_trusted() else without_code(content, name)
    if not is_trusted():
        raise UntrustedFileError(f'checkpoint {name} {problem}: not read. {_CURE}')
    print_log(
        f'{name} {problem}. It is read, because of {SWITCH} or {VARIABLE}',
        logger='current',
        level=logging.WARNING,
    )
    with variables(dict.fromkeys(ONLY_WEIGHTS)):
        return read(False)


def _describe(error: UnpicklingError, name: str) -> str | None:
    """Say what a file holds beside weights; None if it is damaged."""
    found = _REFUSED.search(str(error))
    what = next(filter(None, found.groups()), '') if found else ''
    protocol = _protocol(name)
    if protocol > 2 and not what:
        what = f'a pickle of protocol {protocol}, of which torch reads all or nothing'
    if not what or not protocol:
        return None
    return f'holds more than weights ({what}), which could run code'


def _protocol(name: str) -> int:
    """Return the protocol of a file's pickle; 0 if it has none that is whole."""
    if not os.path.isfile(name):
        return 2  # behind an address
    if zipfile.is_zipfile(name):
        with zipfile.ZipFile(name) as archive:
            inner = [n for n in archive.namelist() if n.endswith('data.pkl')]
            start = archive.open(inner[0]).read(2) if inner else b''
        return start[1] if start[:1] == b'\x80' and len(start) == 2 else 0
    protocol, size = 0, os.path.getsize(name)
    with open(name, 'rb') as file:
        try:  # torch's old format begins with several pickles, the last but one counts
            for _ in range(4):
                if file.tell() < size:
                    operations = list(pickletools.genops(file))
                    protocol = max(protocol, operations[0][1] or 0)
        except (ValueError, TypeError):
            return 0
    return protocol


def without_code(content: Any, name: str) -> Any:
    """Take the configs out of a checkpoint, in place: a config is a program.

    MMEngine's Runner runs `meta['config']` when it resumes, and its inferencers run the
    other two if they are not given a config.
    """
    if not isinstance(content, MutableMapping):
        return content
    meta, hub = content.get('meta'), content.get('message_hub')
    info = hub.get('runtime_info') if isinstance(hub, MutableMapping) else None
    if isinstance(info, MutableMapping):
        info.pop('cfg', None)
    if isinstance(meta, MutableMapping):
        meta.pop('config', None)
        if 'cfg' in meta:  # where an inferencer looks last: it says what is missing
            advice = f'the config in {name} is not run: name a config file. {_CURE}'
            meta['cfg'] = f'raise RuntimeError({advice!r})\n'
    return content


def load_file(filename: str, map_location: Any = None) -> Any:
    """Read a file of weights; the only call of `torch.load`.

    Args:
        filename: The file.
        map_location: See `torch.load`.

    Raises:
        FileNotFoundError: There is no such file.
        UntrustedFileError: See `read_guarded`.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} can not be found.')
    return read_guarded(
        lambda only: torch.load(path, map_location=map_location, weights_only=only),
        path,
    )


def _guarded(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of MMEngine's loaders that refuses what `read_guarded` refuses."""

    @functools.wraps(loader)
    def load(filename: str, *args: Any, **kwargs: Any) -> Any:
        return read_guarded(lambda _: loader(filename, *args, **kwargs), filename)

    return load


def _guard_mmengine() -> None:
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        guarded = functools.wraps(loader)(load_file) if not prefix else _guarded(loader)
        CheckpointLoader.register_scheme(prefix, guarded, force=True)
    module = importlib.import_module('mmengine.runner.checkpoint')
    if hasattr(module, 'get_torch_safe_globals'):
        # the loaders above would allow these as well, `getattr` among them
        vars(module)['get_torch_safe_globals'] = list


_guard_mmengine()
