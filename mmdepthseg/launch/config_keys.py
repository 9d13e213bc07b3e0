"""Keys of a config that the framework ignores, or looks at too late, when misspelt.

Most parts of a config are arguments of a constructor, which refuses unknown ones
(`build_errors` names them). Those here are read from plain dicts: a slip would do
nothing at all, stop the run at its first step, or end in an error that names no key.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mmengine.config import Config

from mmdepthseg.utils.errors import UserError, check_keys

#: What DefaultOptimWrapperConstructor reads; its signature does not tell.
PARAMWISE_KEYS = (
    'bias_decay_mult',
    'bias_lr_mult',
    'bypass_duplicate',
    'custom_keys',
    'dcn_offset_lr_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'norm_decay_mult',
)
CUSTOM_KEYS = ('decay_mult', 'lr_mult')
#: The constructors that read these and no others.
PARAMWISE_READERS = ('DefaultOptimWrapperConstructor', 'MergedGroupsConstructor')
#: Metainfo may hold anything; these are read.
METAINFO_KEYS = ('classes', 'palette')
_METAINFO_LIKENESS = 0.75


def check_nested_keys(config: Config) -> None:
    """Check the keys of what MMEngine takes as plain dicts.

    `default_hooks.checkpoint`, `optim_wrapper.clip_grad`,
    `optim_wrapper.paramwise_cfg`, the loaders and the `metainfo` of their data sets,
    `randomness` and `env_cfg.mp_cfg`.

    Raises:
        UserError: Naming place and key, and what it takes.
    """
    hooks = config.get('default_hooks')
    if isinstance(hooks, Mapping):
        _check_checkpoint_hook(hooks.get('checkpoint'))
    wrapper = config.get('optim_wrapper')
    if isinstance(wrapper, Mapping):
        _check_clip_grad(wrapper.get('clip_grad'))
        _check_paramwise(wrapper)
    for loader in ('train', 'val', 'test', 'predict'):
        place = f'{loader}_dataloader'
        _check_loader(place, config.get(place))
        for where, value in walk(config.get(place), place):
            if where.endswith('.metainfo') and isinstance(value, Mapping):
                check_keys(value, METAINFO_KEYS, f'config: {where}', _METAINFO_LIKENESS)
    _check_environment(config)


def _check_loader(place: str, loader: Any) -> None:
    """Take a loader's keys for those of torch's DataLoader, as MMEngine does."""
    if not isinstance(loader, Mapping):
        return
    from torch.utils.data import DataLoader

    known = argument_names(DataLoader) | {'num_batch_per_epoch'}
    check_keys(loader, known, f'config: {place}')


def _check_environment(config: Config) -> None:
    from mmengine.runner import Runner
    from mmengine.utils.dl_utils import set_multi_processing

    randomness = config.get('randomness') or {}
    known = argument_names(Runner.set_randomness)
    check_keys(randomness, known, 'config: randomness')
    if randomness and 'seed' not in randomness:
        raise UserError("config: randomness lacks the key 'seed'")
    processes = (config.get('env_cfg') or {}).get('mp_cfg') or {}
    known = argument_names(set_multi_processing)
    check_keys(processes, known, 'config: env_cfg.mp_cfg')


def _check_checkpoint_hook(hook: Any) -> None:
    """Check the checkpoint hook, which hands unknown keys on, to fail much later."""
    if not isinstance(hook, Mapping) or 'type' not in hook:
        return
    from mmengine.registry import HOOKS
    from mmengine.runner import Runner

    kind = _resolve(hook['type'], HOOKS)
    if kind is None:
        return
    known = argument_names(kind) | argument_names(Runner.save_checkpoint)
    known |= {'priority', 'type'}  # taken off by Runner and registry
    passed_on = {'filename', 'meta'}  # by the hook itself
    check_keys(hook, known - passed_on, 'config: default_hooks.checkpoint')


def _check_clip_grad(clip_grad: Any) -> None:
    if not isinstance(clip_grad, Mapping):
        return
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_

    functions = dict(
        norm=(clip_grad_norm_, 'max_norm'), value=(clip_grad_value_, 'clip_value')
    )
    kind = clip_grad.get('type', 'norm')
    place = 'config: optim_wrapper.clip_grad'
    if kind not in functions:
        raise UserError(f"{place}.type must be 'norm' or 'value', not {kind!r}")
    function, needed = functions[kind]
    known = argument_names(function) - {'parameters'} | {'type'}
    check_keys(clip_grad, known, place)
    if needed not in clip_grad:
        raise UserError(f'{place} lacks the key {needed}')


def _check_paramwise(wrapper: Mapping) -> None:
    """Check the keys of MMEngine's constructor and of ours; others may read others."""
    paramwise = wrapper.get('paramwise_cfg')
    constructor = wrapper.get('constructor', 'DefaultOptimWrapperConstructor')
    name = getattr(constructor, '__name__', constructor).rsplit('.', 1)[-1]
    if not isinstance(paramwise, Mapping) or name not in PARAMWISE_READERS:
        return
    place = 'config: optim_wrapper.paramwise_cfg'
    check_keys(paramwise, PARAMWISE_KEYS, place)
    from mmengine.registry import OPTIMIZERS

    optimizer = (wrapper.get('optimizer') or {}).get('type')
    kind = _resolve(optimizer, OPTIMIZERS)
    if kind is None:
        return
    # options of the optimiser itself may differ by parameter too
    known = argument_names(kind) - {'params'} | set(CUSTOM_KEYS)
    for pattern, options in (paramwise.get('custom_keys') or {}).items():
        if isinstance(options, Mapping):
            check_keys(options, known, f'{place}.custom_keys[{pattern!r}]')


def _resolve(kind: Any, registry: Any) -> Callable | None:
    """Return the class that a `type` names; None if nobody knows it yet."""
    return registry.get(kind) if isinstance(kind, str) else kind


def argument_names(owner: object) -> set[str]:
    """Names that the constructor of a class, its bases included, or a function takes.

    The bases count because constructors pass `**kwargs` on.
    """
    if inspect.isclass(owner):
        members = [vars(base).get('__init__') for base in owner.__mro__[:-1]]
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
    return names - {'self'}


def walk(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield a part of a config and every value below it, with their places.

    Args:
        node: Dict, list, tuple or value.
        place: Its dotted key.

    Yields:
        Dotted key and value.
    """
    yield place, node
    if isinstance(node, Mapping):
        items: Iterable[tuple] = node.items()
    else:
        items = enumerate(node) if isinstance(node, list | tuple) else ()
    for key, value in items:
        yield from walk(value, f'{place}.{key}')
