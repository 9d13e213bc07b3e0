"""Misspelt keys of a config that the framework ignores or finds too late.

Most parts of a config are arguments of a constructor, which refuses unknown ones
(`build_errors` names them). The dicts checked here are not: a misspelt key in them
would have no effect, stop the run at its first step, or cause an error that names no
key.
"""

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmengine.config import Config

from mmdepthseg.utils.configs import argument_names, type_name, walk
from mmdepthseg.utils.errors import UserError, check_keys, refuse

#: What MMEngine's Runner and our tools read at the top level of a config.
TOP_LEVEL_KEYS = (
    'auto_scale_lr custom_hooks custom_imports default_hooks default_scope env_cfg '
    'experiment_name find_unused_parameters load_from log_level log_processor '
    'model_wrapper_cfg optim_wrapper param_scheduler randomness test_dataloader '
    'test_evaluator train_dataloader val_dataloader val_evaluator visualizer '
    'work_dir'
).split()
#: Also read, but too short or too distinct to be compared with misspelt names.
MORE_KEYS = (
    'activation_checkpointing compile efficient_conv_bn_eval launcher model '
    'pose_dataloader pose_evaluator predict_dataloader predict_pipeline resume '
    'selection sync_bn test_cfg train_cfg tta_model tta_pipeline val_cfg'
).split()
# A new name at least this similar to a known one is taken for a misspelling. The names
# in MMSegmentation's own configs (`train_pipeline`, `vis_backends`, ...) stay below.
_TOP_LEVEL_LIKENESS = 0.87
#: What DefaultOptimWrapperConstructor reads; its signature does not list it.
PARAMWISE_KEYS = frozenset(
    'bias_decay_mult bias_lr_mult bypass_duplicate custom_keys dcn_offset_lr_mult '
    'dwconv_decay_mult flat_decay_mult norm_decay_mult'.split()
)
CUSTOM_KEYS = frozenset(('decay_mult', 'lr_mult'))
#: Without effect, but in configs of MMSegmentation.
IDLE_KEYS = frozenset(('wd_mult',))
#: Metainfo may hold anything; these are read.
METAINFO_KEYS = ('classes', 'palette')
_METAINFO_LIKENESS = 0.75


def check_nested_keys(config: Config) -> None:
    """Check the keys of dicts that MMEngine reads without a constructor.

    These are `default_hooks.checkpoint`, `optim_wrapper.clip_grad` and
    `.paramwise_cfg`, the loaders and the `metainfo` of their data sets, `randomness`
    and `env_cfg.mp_cfg`.

    Raises:
        UserError: Names place and key, and the keys expected there.
    """
    from mmengine.runner import Runner
    from mmengine.utils.dl_utils import set_multi_processing
    from torch.utils.data import DataLoader

    _check(config, 'randomness', argument_names(Runner.set_randomness), 'seed')
    _check(config, 'env_cfg.mp_cfg', argument_names(set_multi_processing))
    for name in ('train', 'val', 'test', 'predict', 'pose'):
        place = f'{name}_dataloader'
        _check(config, place, argument_names(DataLoader) | {'num_batch_per_epoch'})
        _check_loader(place, _part(config, place))
        pipeline = config.get(f'{name}_pipeline') or []
        if not isinstance(pipeline, list | tuple):
            raise UserError(
                f'config: {name}_pipeline must be a list of transforms, got '
                f'{pipeline!r}; options change one that the config has, they do not '
                'make one'
            )
        for where, value in walk(config.get(place), place):
            if where.endswith('.metainfo') and isinstance(value, Mapping):
                check_keys(value, METAINFO_KEYS, f'config: {where}', _METAINFO_LIKENESS)
    _check_environment(config)
    _check_checkpoint_hook(config)
    _check_clip_grad(config)
    _check_paramwise(config)


def check_top_level_keys(config: Config) -> None:
    """Refuse a top-level name that resembles one that the Runner reads.

    MMEngine ignores names it does not know, so `default_hoks` would do nothing.

    Raises:
        UserError: Names the key and the one probably meant.
    """
    names = [n for n in config if n.rstrip('_0123456789') not in TOP_LEVEL_KEYS]
    source = config.filename or 'config'
    check_keys(names, TOP_LEVEL_KEYS, source, _TOP_LEVEL_LIKENESS)


def _part(config: Config, place: str) -> Mapping:
    """Return the dict at a place; empty if there is none."""
    node: Any = config
    for key in place.split('.'):
        node = node.get(key) or {}
        if not isinstance(node, Mapping):
            return {}
    return node


def _check(config: Config, place: str, known: Iterable[str], *needed: str) -> None:
    if given := _part(config, place):
        check_keys(given, known, f'config: {place}', needed=needed)


def _check_environment(config: Config) -> None:
    """Check values that the Runner hands to Python, whose errors name no key."""
    level = config.get('log_level') or 'INFO'
    seed = _part(config, 'randomness').get('seed')
    method = _part(config, 'env_cfg.mp_cfg').get('mp_start_method', 'fork')
    methods = multiprocessing.get_all_start_methods()
    scaled = _part(config, 'auto_scale_lr')
    refuse(
        'config',
        {
            'log_level must be one of DEBUG, INFO, WARNING, ERROR, got '
            f'{level!r}': isinstance(level, str)
            and isinstance(logging.getLevelName(level), str),
            f'randomness.seed must be a whole number or None, got {seed!r}': (
                not isinstance(seed, int | None)
            ),
            f'env_cfg.mp_cfg.mp_start_method must be one of {", ".join(methods)}, got '
            f'{method!r}': method not in methods,
            'auto_scale_lr needs base_batch_size, for which the rate is right': bool(
                scaled.get('enable') and not scaled.get('base_batch_size')
            ),
        },
    )


def _check_loader(place: str, loader: Mapping) -> None:
    """Check a loader's data set, names of functions and what excludes its sampler."""
    from mmengine.registry import FUNCTIONS

    dataset = loader.get('dataset')
    if isinstance(dataset, Mapping) and not dataset.get('type'):
        raise UserError(
            f'config: {place}.dataset has no type, only '
            f'{", ".join(dataset) or "nothing"}; options change a data set that the '
            'config has, they do not make one'
        )
    for key in ('collate_fn', 'worker_init_fn'):
        kind = (loader.get(key) or {}).get('type')
        if isinstance(kind, str) and FUNCTIONS.get(kind) is None:
            raise UserError(f'config: {place}.{key}: there is no function {kind!r}')
    cure = "sampler=dict(type='DefaultSampler', shuffle=True)"
    excluded = [k for k in ('shuffle', 'batch_sampler', 'drop_last') if loader.get(k)]
    if excluded[:1] == ['shuffle']:
        raise UserError(f'config: {place}.shuffle goes into the sampler: {cure}')
    if excluded == ['batch_sampler', 'drop_last']:
        raise UserError(
            f'config: {place}: batch_sampler and drop_last exclude each other; give '
            'drop_last to the batch sampler'
        )


def _check_checkpoint_hook(config: Config) -> None:
    """Check the checkpoint hook, which passes unknown keys on to fail much later."""
    from mmengine.registry import HOOKS
    from mmengine.runner import Runner

    place = 'default_hooks.checkpoint'
    kind = _resolve(_part(config, place).get('type'), HOOKS)
    if kind is not None:
        known = argument_names(kind) | argument_names(Runner.save_checkpoint)
        # Runner and registry remove two keys, the hook itself passes two on
        _check(config, place, (known | {'priority', 'type'}) - {'filename', 'meta'})


def _check_clip_grad(config: Config) -> None:
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_

    place = 'optim_wrapper.clip_grad'
    kind = _part(config, place).get('type', 'norm')
    functions: dict[str, tuple[Callable, str]] = dict(
        norm=(clip_grad_norm_, 'max_norm'), value=(clip_grad_value_, 'clip_value')
    )
    if kind not in functions:
        raise UserError(f"config: {place}.type must be 'norm' or 'value', not {kind!r}")
    function, needed = functions[kind]
    known = argument_names(function) - {'parameters'} | {'type'}
    _check(config, place, known, needed)


def _check_paramwise(config: Config) -> None:
    """Check the keys of MMEngine's constructor and of ours; others may read others."""
    from mmengine.registry import OPTIMIZERS

    from mmdepthseg.engine.optim.merged_groups_constructor import PARAMWISE_READERS

    wrapper, place = _part(config, 'optim_wrapper'), 'optim_wrapper.paramwise_cfg'
    constructor = wrapper.get('constructor', PARAMWISE_READERS[0])
    if type_name(constructor) not in PARAMWISE_READERS:
        return
    _check(config, place, PARAMWISE_KEYS)
    kind = _resolve(_part(config, 'optim_wrapper.optimizer').get('type'), OPTIMIZERS)
    if kind is None:
        return
    # a parameter may have its own options of the optimiser
    known = argument_names(kind) - {'params'} | CUSTOM_KEYS | IDLE_KEYS
    for pattern, options in _part(config, f'{place}.custom_keys').items():
        if isinstance(options, Mapping):
            check_keys(options, known, f'config: {place}.custom_keys[{pattern!r}]')


def _resolve(kind: Any, registry: Any) -> Callable | None:
    """Return the class that a `type` names; None if it is not known yet."""
    return registry.get(kind) if isinstance(kind, str) else kind
