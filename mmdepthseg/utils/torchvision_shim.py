"""Let a CUDA build of torchvision load beside a CPU build of torch.

torchvision from PyPI is built for CUDA. Beside a `+cpu` torch its compiled operators do
not load, and `import torchvision` ends in "RuntimeError: operator torchvision::nms does
not exist". With MMPretrain installed that takes `import mmseg.datasets` along, which
only expects an ImportError. Declaring the missing operators is enough for everything
that does not call them (MMPretrain's and timm's backbones, torchvision's transforms).
"""

import importlib.util
import re
from pathlib import Path

_OPERATORS = ('nms', 'qnms')
_libraries: list[object] = []  # torch drops the declarations with the last reference


def declare_torchvision_operators() -> bool:
    """Declare the operators if torch is a CPU build and torchvision a CUDA build.

    Reads torchvision's version file and imports nothing but torch, so it costs nothing
    where it is not needed; there, it changes nothing either.

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
    for name in _OPERATORS:
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
