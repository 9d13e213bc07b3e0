"""Bring the process into the state that configs of this package expect."""

import contextlib
import importlib
import io
import pkgutil
import sys
import warnings
from collections.abc import Iterator

from mmdepthseg.utils.compat import require_frameworks

_NOISE = 'Could not import OneDL'


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


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register everything of MMSegmentation and of this package.

    `mmseg.utils.register_all_modules` does not know our modules and lets the forks'
    import messages through. Configs with `default_scope = 'mmdepthseg'` work without
    this call too; scripts that build single parts want it.

    Args:
        init_default_scope: Make `mmdepthseg` the scope in which types are looked up.

    Raises:
        FrameworkImportError: A framework is missing or does not fit.
    """
    require_frameworks()
    import mmdepthseg

    with without_import_noise():
        from mmseg.utils import register_all_modules as register_mmseg

        register_mmseg(init_default_scope=False)
        # Left out there, and a registry does not import its parent's locations.
        importlib.import_module('mmseg.visualization')
        found = {module.name for module in pkgutil.iter_modules(mmdepthseg.__path__)}
        for name in (
            'datasets',
            'models',
            'engine',
            'evaluation',
            'structures',
            'visualization',
        ):
            if name in found:
                importlib.import_module(f'mmdepthseg.{name}')
    if init_default_scope:
        from mmengine.registry import init_default_scope as set_default_scope

        set_default_scope('mmdepthseg')
