"""What must be installed beside this package, and the check that it is.

Nothing here imports a framework at module level: `mmdepthseg.doctor` has to run
where they are missing.
"""

import functools
import importlib
import re
from dataclasses import dataclass
from types import ModuleType

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.torchvision_shim import declare_torchvision_operators

CURE = (
    "Install the maintained set with `pip install -e .[onedl]` (or OpenMMLab's "
    'originals with `pip install -e .[openmmlab]`); `python -m mmdepthseg.doctor` '
    'shows what is there.'
)


@dataclass(frozen=True)
class Requirement:
    """One framework module and the oldest version that works.

    The version is read from the *module*: the OneDL forks keep the import names
    but not the distribution names, so `importlib.metadata` would miss them.
    """

    module: str
    minimum: str
    purpose: str


#: In the order of import: a later one needs the earlier ones.
REQUIREMENTS = (
    Requirement('torch', '2.0', 'tensors and training'),
    Requirement('mmengine', '0.10', 'runner, registries, configs'),
    Requirement('mmcv', '2.0', 'image transforms'),
    Requirement('mmseg', '1.2', 'segmentation models, data sets and metrics'),
)


class FrameworkImportError(ImportError, UserError):
    """A needed framework is missing, too old or does not load."""


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: '2.13.0+cpu' -> (2, 13, 0).

    `mmengine.utils.digit_version` does the same, but MMEngine may be what is
    missing. Pre-release tags count as the release itself.
    """
    match = re.match(r'\d+(?:\.\d+)*', text.strip())
    return tuple(int(part) for part in match.group().split('.')) if match else ()


def import_requirement(requirement: Requirement) -> ModuleType:
    """Import one requirement.

    Raises:
        FrameworkImportError: Missing, too old, or its own import fails.
    """
    name, minimum = requirement.module, requirement.minimum
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        what = (
            f'{name} (>= {minimum}; {requirement.purpose}) is not installed'
            if error.name == name
            else f'{name} does not load: it needs {error.name}, which is missing'
        )
        raise FrameworkImportError(f'{what}. {CURE}', name=name) from None
    except Exception as error:
        # MMSegmentation asserts its mmcv range when imported; a compiled part that
        # does not fit raises OSError, RuntimeError or ImportError.
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise FrameworkImportError(
            f'{name} is installed but does not load: {reason}. {CURE}', name=name
        ) from None
    found = str(getattr(module, '__version__', ''))
    if parse_version(found) < parse_version(minimum):
        raise FrameworkImportError(
            f'{name} {found or "(without a version)"} is too old: mmdepthseg needs '
            f'{name} >= {minimum}. {CURE}',
            name=name,
        )
    return module


@functools.lru_cache(maxsize=None)
def require_frameworks() -> None:
    """Check torch, MMEngine, mmcv and MMSegmentation, once a process.

    Called by `mmdepthseg.registry`, so that whatever part is imported first, a
    missing framework gives one message with the cure.

    Raises:
        FrameworkImportError: Naming the first requirement that is not met.
    """
    for requirement in REQUIREMENTS:
        import_requirement(requirement)
    declare_torchvision_operators()
    allow_checkpoint_globals()


def allow_checkpoint_globals() -> None:
    """Let `torch.load(weights_only=True)` read MMEngine's checkpoints.

    MMEngine puts `HistoryBuffer`s of numpy scalars into checkpoints. Without this the
    forks warn at each load and fall back to unsafe loading, and the originals cannot
    resume at all with torch >= 2.6.
    """
    import numpy as np
    import torch

    if not hasattr(torch.serialization, 'add_safe_globals'):
        return  # torch < 2.4 has no such list and loads everything
    dtypes = (np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint32, np.bool_)
    allowed: list = [type(np.dtype(dtype)) for dtype in dtypes]
    checkpoint = importlib.import_module('mmengine.runner.checkpoint')
    if not hasattr(checkpoint, 'get_torch_safe_globals'):
        # The forks allow these themselves, for the time of the load only.
        from mmengine.logging import HistoryBuffer

        core = getattr(np, '_core', None) or np.core
        reconstruct, scalar = core.multiarray._reconstruct, core.multiarray.scalar
        allowed += [reconstruct, scalar, np.ndarray, np.dtype, HistoryBuffer]
        allowed += [getattr, slice]
    torch.serialization.add_safe_globals(allowed)
