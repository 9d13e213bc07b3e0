"""The frameworks that this package needs: their check, and what makes them fit.

No framework is imported at module level: `mmdepthseg.doctor` has to run where they are
missing.
"""

import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from mmdepthseg.utils.errors import UserError

CURE = (
    "Install the maintained set with `pip install -e .[onedl]` (or OpenMMLab's "
    'originals with `pip install -e .[openmmlab]`); `python -m mmdepthseg.doctor` '
    'shows what is there.'
)
_libraries: list[object] = []  # torch drops declarations with the last reference


@dataclass(frozen=True)
class Requirement:
    """One framework module and the oldest version that works.

    The version is read from the *module*: the OneDL forks keep the import names
    but not the distribution names, so `importlib.metadata` would miss them.
    """

    module: str
    minimum: str
    purpose: str


#: What the OneDL forks print when MMSegmentation is imported.
_NOISE = 'Could not import OneDL'
#: In the order of import: a later one needs the earlier ones.
REQUIREMENTS = (
    Requirement('torch', '2.0', 'tensors and training'),
    Requirement('mmengine', '0.10', 'runner, registries, configs'),
    Requirement('mmcv', '2.0', 'image transforms'),
    Requirement('mmseg', '1.2', 'segmentation models, data sets and metrics'),
)


class FrameworkImportError(ImportError, UserError):
    """Error about a framework that is missing, too old or does not load."""


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
        FrameworkImportError: It is missing or too old, or its import fails.
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
    """Check torch, MMEngine, mmcv and MMSegmentation, once per process.

    `mmdepthseg.registry` calls this, so that a missing framework causes one message
    with the cure, whichever part is imported first.

    Raises:
        FrameworkImportError: Names the first requirement that is not met.
    """
    for requirement in REQUIREMENTS:
        module = import_requirement(requirement)
        if requirement.module == 'mmcv':
            declare_mmcv_operators(module)
    declare_torchvision_operators()


def declare_mmcv_operators(mmcv: ModuleType) -> bool:
    """Let OpenMMLab's MMSegmentation load beside an mmcv without compiled operators.

    `pip install mmcv-lite` takes seconds, to build the other edition half an hour
    (there are wheels for a few versions of torch). MMSegmentation 1.2 imports
    `mmcv.ops` for some heads, which needs the compiled module `mmcv._ext`; it gets one
    whose functions raise when they are called. The OneDL forks guard these imports
    themselves.

    Args:
        mmcv: The imported package.

    Returns:
        Whether the operators are declared.
    """
    name = 'mmcv._ext'
    if name in sys.modules:
        return isinstance(sys.modules[name], _MissingOperators)
    if parse_version(mmcv.__version__) >= (2, 2) or importlib.util.find_spec(name):
        return False
    module = _MissingOperators(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules[name] = module
    return True


class _MissingOperators(ModuleType):
    """Stands for `mmcv._ext`: every function is there, and raises."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args: object, **kwargs: object) -> NoReturn:
            raise RuntimeError(
                f'mmcv was installed without its compiled operators, of which {name} '
                'is needed here: install a wheel of mmcv that has them, or build it'
            )

        return missing


def declare_torchvision_operators() -> bool:
    """Let a CUDA build of torchvision load beside a CPU build of torch.

    torchvision from PyPI is built for CUDA. Beside a `+cpu` torch its compiled
    operators do not load, and `import torchvision` fails with "operator
    torchvision::nms does not exist"; with MMPretrain installed, `import mmseg.datasets`
    then fails, too. Declaring the missing operators is enough for code that does not
    call them (backbones of MMPretrain and timm, torchvision's transforms).

    This reads torchvision's version file and imports only torch. It changes nothing
    where it is not needed.

    Returns:
        Whether the operators are declared.
    """
    import torch
    from torch import library as operators

    if _libraries:
        return True
    if torch.version.cuda is not None or not _has_cuda_torchvision():
        return False
    library = operators.Library('torchvision', 'FRAGMENT')
    for name in ('nms', 'qnms'):
        arguments = 'Tensor dets, Tensor scores, float iou_threshold'
        library.define(f'{name}({arguments}) -> Tensor')
    _libraries.append(library)
    return True


def _has_cuda_torchvision() -> bool:
    spec = importlib.util.find_spec('torchvision')
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name('version.py')
    text = version.read_text(encoding='utf-8') if version.is_file() else ''
    return re.search(r'^__version__\b.*\+cu\d+', text, flags=re.MULTILINE) is not None


@contextlib.contextmanager
def without_import_noise() -> Iterator[None]:
    """Drop what the frameworks say at import about parts that nobody asked for.

    That is a line printed by the OneDL forks and mmcv's warning about an operator of
    its compiled edition; all other output is kept.
    """
    caught = io.StringIO()
    try:
        with contextlib.redirect_stdout(caught), warnings.catch_warnings():
            warnings.filterwarnings('ignore', message='Fail to import ``MultiScale')
            yield
    finally:
        lines = caught.getvalue().splitlines(keepends=True)
        sys.stdout.writelines(line for line in lines if _NOISE not in line)
