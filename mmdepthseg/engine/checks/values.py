"""Checks of a config's values against the types that constructors announce."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.optim import OptimWrapper
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from mmseg.engine import SegVisualizationHook
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

from mmdepthseg import registry as ours
from mmdepthseg.utils.configs import readers, walk
from mmdepthseg.utils.errors import UserError

LOADERS = tuple(f'{name}_dataloader' for name in ('train', 'val', 'test', 'predict'))
_DATA = (ours.DATASETS, ours.TRANSFORMS, ours.DATA_SAMPLERS)
#: Roots of a config -> where the types below them are looked up.
ROOTS: dict[str, tuple[Registry, ...]] = {
    **dict.fromkeys(('train_cfg', 'val_cfg', 'test_cfg'), (ours.LOOPS,)),
    **dict.fromkeys(LOADERS, _DATA),
    **dict.fromkeys(('val_evaluator', 'test_evaluator'), (ours.METRICS,)),
    **dict.fromkeys(('default_hooks', 'custom_hooks'), (ours.HOOKS,)),
    'param_scheduler': (ours.PARAM_SCHEDULERS,),
    'optim_wrapper': (ours.OPTIM_WRAPPERS, ours.OPTIMIZERS),
    'model': (ours.MODELS, ours.TRANSFORMS),
}
#: Names of files and folders, which options may give as numbers: data_root=2024.
NAMES = ('data_root', 'work_dir', 'experiment_name', 'load_from', 'out_dir')
#: The smallest values of some keys; smaller ones fail or never act, most of them late.
LEAST = dict(
    batch_size=1,
    num_workers=0,
    prefetch_factor=1,
    max_iters=1,
    max_epochs=1,
    val_interval=1,
    accumulative_counts=1,
    patience=0,
    lr=0,
    max_norm=0,  # a negative one turns all gradients round
    clip_value=0,
)
_WORDS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'text'}
#: They take 1e3 for 1000.
_LENIENT = ('mmengine.runner', 'mmengine.optim')
#: Packages whose annotations tell whole numbers from others. (MMSegmentation's do not.)
_EXACT = ('mmengine', 'torch', 'mmdepthseg')


class Kinds(NamedTuple):
    """Plain types that an annotation names."""

    scalars: frozenset[type] = frozenset()
    lists: bool = False
    items: 'Kinds | None' = None  # of the lists; None: any

    def __str__(self) -> str:
        """Return what is expected, in words."""
        names = [self.scalars & {kind} and word for kind, word in _WORDS.items()]
        if float in self.scalars:
            names[1] = ''
        if self.lists:
            names.append(f'a list (each: {self.items})' if self.items else 'a list')
        return ' or '.join(filter(None, map(str, filter(None, names))))


def check_values(config: Mapping) -> None:
    """Compare values of a config with the annotations of what is built from them.

    MMEngine and torch meet text for a number, or a fraction of a batch, when they count
    with it: in the first iteration, at the first validation, at a milestone. Values
    whose type is not announced, or not plain, are not checked.

    Args:
        config: The whole config, or a part of it by the same keys.

    Raises:
        UserError: Names the key, what is expected and what was given.
    """
    for root, registries in ROOTS.items():
        for place, part in walk(config.get(root), root):
            owner = _owner(place, part, registries)
            if owner is None:
                continue
            for key, kinds in announced(owner).items():
                if key in part and kinds is not None:
                    _check(f'{place}.{key}', part[key], kinds, owner)
    for key, kinds in announced(Runner).items():
        if key in config and kinds is not None:
            _check(key, config[key], kinds, Runner)


def _owner(place: str, part: Any, registries: Sequence[Registry]) -> Callable | None:
    """Return the class or function that reads a dict; None if it is not known."""
    if not isinstance(part, Mapping):
        return None
    kind = part.get('type')
    if place in LOADERS:
        return DataLoader
    if place == 'optim_wrapper.clip_grad':
        return clip_grad_value_ if kind == 'value' else clip_grad_norm_
    if place == 'train_cfg' and kind is None:
        return EpochBasedTrainLoop if part.get('by_epoch') else IterBasedTrainLoop
    if place == 'optim_wrapper' and kind is None:
        return OptimWrapper
    if isinstance(kind, str):
        return next(filter(None, (one.get(kind) for one in registries)), None)
    return kind if callable(kind) else None


@functools.lru_cache(maxsize=None)
def announced(owner: Callable) -> dict[str, Kinds | None]:
    """Return the plain types of the arguments of a class or function, by name.

    Args:
        owner: For a class, constructors of its bases count too; see `readers`.

    Returns:
        For each argument what its annotation names, None if there is none or if it also
        names others, for which text may stand.
    """
    found: dict[str, Kinds | None] = {}
    for function in filter(inspect.isfunction, reversed(readers(owner))):
        for name, parameter in inspect.signature(function).parameters.items():
            one = types.SimpleNamespace(__annotations__={name: parameter.annotation})
            try:
                hint = typing.get_type_hints(one, function.__globals__)[name]
            except (NameError, TypeError):  # of a module that is not imported then
                hint = Any
            found[name] = kinds_of(hint)
    return found


def kinds_of(annotation: Any) -> Kinds | None:
    """Return the plain types that an annotation names; None if it names others, too."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (type(None), Tensor):
        return Kinds()
    if isinstance(annotation, type) and annotation in _WORDS:
        return Kinds(frozenset({annotation}))
    if origin in (typing.Union, types.UnionType):
        parts = [kinds_of(one) for one in arguments]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        of_lists = {part.items for part in known if part.lists}
        return Kinds(
            frozenset().union(*(part.scalars for part in known)),
            bool(of_lists),
            of_lists.pop() if len(of_lists) == 1 else None,
        )
    if (origin or annotation) in (list, tuple, Sequence):
        inner = [one for one in arguments if one is not Ellipsis]
        items = kinds_of(typing.Union[tuple(inner)]) if inner else None  # noqa: UP007
        return Kinds(lists=True, items=items)
    return None


def _fits(key: str, value: Any, kinds: Kinds, owner: Callable) -> bool:
    """Tell whether a value is of one of some kinds; None and dicts always are."""
    if isinstance(value, list | tuple):
        items = kinds.items
        return kinds.lists and (
            items is None or all(_fits(key, one, items, owner) for one in value)
        )
    if type(value) not in _WORDS or type(value) in kinds.scalars:
        return True
    if isinstance(value, str | bool):
        return False
    if kinds.scalars == {str}:  # others are announced carelessly: loss_scale, log_level
        return key not in NAMES
    whole = isinstance(value, int) or (
        value.is_integer() and owner.__module__.startswith(_LENIENT)
    )
    exact = owner.__module__.split('.')[0] in _EXACT
    return bool(kinds.scalars & ({bool, int, float} if whole or not exact else {float}))


def _check(place: str, value: Any, kinds: Kinds, owner: Callable) -> None:
    key = place.rpartition('.')[-1]
    if not _fits(key, value, kinds, owner):
        hint = ''
        if str in kinds.scalars and isinstance(value, int | float):
            hint = f' (in --cfg-options {place}="\'{value}\'")'
        raise UserError(f'config: {place} must be {kinds}{hint}, got {value!r}')
    least = LEAST.get(key)
    if key == 'interval' and inspect.isclass(owner):  # of others 0 and -1 mean never
        least = 1 if issubclass(owner, SegVisualizationHook) else None
    if least is not None and isinstance(value, int | float) and not value >= least:
        raise UserError(f'config: {place} must be at least {least}, got {value!r}')
