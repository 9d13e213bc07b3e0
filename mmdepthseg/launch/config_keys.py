"""Keys of a config that the framework ignores, or looks at too late, when misspelt.

Most parts of a config are arguments of a constructor, which refuses unknown ones
(`build_errors` names them). Those here are read from plain dicts: a slip would do
nothing at all, or stop the run at its first step.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmengine.config import Config

from mmdepthseg.launch.build_errors import argument_names
from mmdepthseg.utils.errors import UserError, did_you_mean

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
    `optim_wrapper.paramwise_cfg` and the `metainfo` of data sets.

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
        for where, value in walk(config.get(place), place):
            if where.endswith('.metainfo'):
                _check_metainfo(where, value)


def _refuse_unknown(place: str, given: Mapping, known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise UserError(
                f'config: {place} has no key {key!r}{did_you_mean(str(key), known)} '
                f'(it takes: {", ".join(sorted(known))})'
            )


def _check_checkpoint_hook(hook: Any) -> None:
    """The hook hands what it does not know to `Runner.save_checkpoint`, much later."""
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
    _refuse_unknown('default_hooks.checkpoint', hook, known - passed_on)


def _check_clip_grad(clip_grad: Any) -> None:
    if not isinstance(clip_grad, Mapping):
        return
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_

    functions = dict(
        norm=(clip_grad_norm_, 'max_norm'), value=(clip_grad_value_, 'clip_value')
    )
    kind = clip_grad.get('type', 'norm')
    place = 'optim_wrapper.clip_grad'
    if kind not in functions:
        raise UserError(f"config: {place}.type must be 'norm' or 'value', not {kind!r}")
    function, needed = functions[kind]
    known = argument_names(function) - {'parameters'} | {'type'}
    _refuse_unknown(place, clip_grad, known)
    if needed not in clip_grad:
        raise UserError(f'config: {place} lacks the key {needed}')


def _check_paramwise(wrapper: Mapping) -> None:
    """Keys of MMEngine's own constructor and of ours; others may read others."""
    paramwise = wrapper.get('paramwise_cfg')
    constructor = wrapper.get('constructor', 'DefaultOptimWrapperConstructor')
    name = getattr(constructor, '__name__', constructor).rsplit('.', 1)[-1]
    if not isinstance(paramwise, Mapping) or name not in PARAMWISE_READERS:
        return
    place = 'optim_wrapper.paramwise_cfg'
    _refuse_unknown(place, paramwise, set(PARAMWISE_KEYS))
    from mmengine.registry import OPTIMIZERS

    optimizer = (wrapper.get('optimizer') or {}).get('type')
    kind = _resolve(optimizer, OPTIMIZERS)
    if kind is None:
        return
    # options of the optimiser itself may differ by parameter too
    known = argument_names(kind) - {'params'} | set(CUSTOM_KEYS)
    for pattern, options in (paramwise.get('custom_keys') or {}).items():
        if isinstance(options, Mapping):
            _refuse_unknown(f'{place}.custom_keys[{pattern!r}]', options, known)


def _check_metainfo(place: str, metainfo: Any) -> None:
    if not isinstance(metainfo, Mapping):
        return
    for key in metainfo:
        hint = did_you_mean(str(key), METAINFO_KEYS, _METAINFO_LIKENESS)
        if key not in METAINFO_KEYS and hint:
            raise UserError(f'config: {place} has the unknown key {key!r}{hint}')


def _resolve(kind: Any, registry: Any) -> Callable | None:
    """The class that a `type` names; None if nobody knows it yet."""
    return registry.get(kind) if isinstance(kind, str) else kind


def walk(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """A part of a config and every value below it, with their places.

    Args:
        node: Dict, list, tuple or value.
        place: Its dotted key.

    Yields:
        Dotted key and value.
    """
    yield place, node
    if isinstance(node, Mapping):
        items = node.items()
    else:
        items = enumerate(node) if isinstance(node, list | tuple) else ()
    for key, value in items:
        yield from walk(value, f'{place}.{key}')
