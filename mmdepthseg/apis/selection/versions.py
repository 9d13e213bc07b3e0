"""Versions of the packages that a selection was made with."""

import platform

import mmengine
import mmseg
import numpy as np
import torch

from mmdepthseg.version import __version__


def versions() -> dict[str, str]:
    """Return the versions of the packages involved."""
    return dict(
        python=platform.python_version(),
        mmdepthseg=__version__,
        torch=str(torch.__version__),
        mmengine=mmengine.__version__,
        mmseg=mmseg.__version__,
        numpy=np.__version__,
    )
