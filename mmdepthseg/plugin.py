"""Register all parts of this package, and MMSegmentation's, by being imported.

Every config names this module in its `custom_imports`, so that whoever reads the config
(our tools, MMSegmentation's own, `mmseg.apis.init_model`) finds all types in it. The
registries import it too, when they are first asked for something.
"""

import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Iterator

from mmdepthseg.registry import SCOPE

PARTS = (
    # of MMSegmentation, whose own `register_all_modules` leaves the last one out
    'mmseg.datasets',
    'mmseg.engine',
    'mmseg.evaluation',
    'mmseg.models',
    'mmseg.structures',
    'mmseg.visualization',
    'mmdepthseg.datasets',
    'mmdepthseg.engine',
    'mmdepthseg.evaluation',
    'mmdepthseg.models',
    'mmdepthseg.visualization.local_visualizer',
)
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
    """Do what MMSegmentation's function of that name does, for this package.

    The import of this module has registered everything; what is left is the scope.

    Args:
        init_default_scope: Make `mmdepthseg` the scope in which types are looked up.
    """
    from mmengine.registry import init_default_scope as set_default_scope

    if init_default_scope:
        set_default_scope(SCOPE)


with without_import_noise():
    for _name in PARTS:
        importlib.import_module(_name)
