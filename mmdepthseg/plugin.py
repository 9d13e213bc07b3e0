"""Register all parts of this package, and MMSegmentation's, by being imported.

Every config names this module in its `custom_imports`, so that whoever reads the config
(our tools, MMSegmentation's own, `mmseg.apis.init_model`) finds all types in it. The
registries import it too, when they are first asked for something.

Some of MMSegmentation's tools build a config's parts in the scope `mmseg`, whatever the
config says, and its registries look up names in their parents, not in their children.
So our models, data sets and transforms are entered there as well, under the names that
MMSegmentation has not taken: what they are made of is then looked up in our scope.
"""

import functools
import importlib
from collections.abc import Callable

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import DefaultScope
from mmengine.utils import is_installed

from mmdepthseg.frameworks import without_import_noise
from mmdepthseg.registry import DATASETS, MODELS, SCOPE, TRANSFORMS

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


def register_all_modules(init_default_scope: bool = True) -> None:
    """Do what MMSegmentation's function of that name does, for this package.

    The import of this module has registered everything; what is left is the scope.

    Args:
        init_default_scope: Make `mmdepthseg` the scope in which types are looked up.
    """
    from mmengine.registry import init_default_scope as set_default_scope

    if init_default_scope:
        set_default_scope(SCOPE)


def _in_our_scope(kind: type) -> Callable:
    """Return what builds a `kind` whose own parts are looked up in our scope."""

    @functools.wraps(kind, updated=())
    def build(*args, **kwargs) -> object:
        with DefaultScope.overwrite_default_scope(SCOPE):
            return kind(*args, **kwargs)

    return build


def _enter_in_mmseg() -> None:
    """Enter our models, data sets and transforms in MMSegmentation's registries."""
    for registry in (DATASETS, MODELS, TRANSFORMS):
        for name, kind in registry.module_dict.items():
            if registry.parent.get(name) is None:
                registry.parent.register_module(name=name, module=_in_our_scope(kind))


def _name_configs() -> None:
    """Let `_base_ = 'PACKAGE::FOLDER/NAME.py'` find configs of this and other packages.

    MMEngine knows OpenMMLab's packages only, by the names under which they are
    installed: not ours, and not `mmseg` where that is of `onedl-mmsegmentation`. It
    finds a package by the name of its module as well.
    """
    MODULE2PACKAGE.setdefault(SCOPE, SCOPE)
    for module, package in MODULE2PACKAGE.items():
        if not is_installed(package) and is_installed(module):
            MODULE2PACKAGE[module] = module


with without_import_noise():
    for _name in PARTS:
        importlib.import_module(_name)
_enter_in_mmseg()
_name_configs()
