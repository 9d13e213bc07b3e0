"""Weights named by a config's `Pretrained` arrive in every network, or are refused.

Some backbones have their own `init_weights`, which reads the checkpoint itself: it
ignores `prefix`, or the whole entry, or ends in a KeyError. MMEngine notices nothing.
"""

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseAveragedModel, BaseModule
from mmengine.model.weight_init import PretrainedInit
from torch import Tensor, nn

from mmdepthseg.checkpoints.matching import match_checkpoint
from mmdepthseg.checkpoints.pretrained_init import CheckedPretrainedInit
from mmdepthseg.utils.errors import UserError


class ChecksPretrained:
    """Mixin of models whose `Pretrained` parts are compared with their files."""

    def init_weights(self) -> None:
        """Initialise, see `init_weights_checked`."""
        init = super().init_weights  # type: ignore[misc]  # MMEngine's
        if hasattr(self, '_params_init_info'):
            init()  # part of a larger model, which is checked as a whole
        else:
            init_weights_checked(self, init)


def init_weights_checked(model: Any, init: Callable[[], None]) -> None:
    """Initialise a model, then load what its `Pretrained` parts name.

    Every part is loaded here, after the others are initialised, because MMEngine leaves
    out networks that call themselves initialised (timm's). A network with its own
    `init_weights` gets a file without the prefix and applies its own conversions (such
    as resized position embeddings); entries that have the file's name and shape but
    not its values afterwards are loaded.

    Args:
        model: The whole model.
        init: Its `init_weights` of MMEngine.

    Raises:
        UserError: A file fills too little of its network; names network, file and
            prefix.
    """
    parts = list(_pretrained_parts(model))
    configs = [module.init_cfg for _, module, *_ in parts]
    for _, module, *_ in parts:
        # at first as without weights
        module.init_cfg = [c for c in _configs(module) if not is_pretrained(c)] or None
    try:
        init()
    finally:
        for (_, module, *_), config in zip(parts, configs, strict=True):
            module.init_cfg = config
    for place, module, cfg, inherited in reversed(parts):  # inner first, as MMEngine
        if inherited:
            continue
        try:
            _fill(module, cfg)
        except UserError as error:  # begins with `init_cfg`
            raise UserError(f'{".".join([*place, ""])}{error}') from error


def _fill(module: BaseModule, cfg: dict) -> None:
    initializer = CheckedPretrainedInit(
        **{key: value for key, value in cfg.items() if key != 'type'}
    )
    if _inits_as_mmengine(module):
        initializer(module)
    else:
        state = initializer.state_for(module)
        adapted = _init_by_itself(module, state, initializer)
        _complete(module, state, initializer, adapted)


def _pretrained_parts(
    model: nn.Module, above: Sequence[dict] = (), place: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], BaseModule, dict, bool]]:
    """Yield modules with a `Pretrained` initialisation, their place first.

    Some backbones hand theirs down to their blocks (MMPretrain's RepVGG), for which the
    file was not made: a config that a module above has, too, is inherited.

    Yields:
        Place (names as in the config), module, config, and whether it is inherited.
    """
    own = [dict(cfg) for cfg in _configs(model) if is_pretrained(cfg)]
    for cfg in own:
        yield place, model, cfg, cfg in above
    for name, child in model.named_children():
        if not isinstance(child, BaseAveragedModel):  # a copy, made afterwards
            # as configs name it
            inner = (*place, 'segmentor' if name == 'student' else name)
            yield from _pretrained_parts(child, [*above, *own], inner)


def weight_sources(model: nn.Module) -> dict[str, str]:
    """Return where the parts of a model start from, as far as `init_cfg` tells.

    Args:
        model: Not wrapped.

    Returns:
        Place, as in the config (`segmentor.backbone`; '' is the whole model) -> file
        and prefix; '' for backbones that no file fills, which start from random values.
    """
    found = {
        '.'.join(place): str(cfg.get('checkpoint'))
        + (f' ({cfg["prefix"].rstrip(".")})' if cfg.get('prefix') else '')
        for place, _, cfg, inherited in _pretrained_parts(model)
        if not inherited
    }
    for name, module in model.named_modules():
        place = re.sub(r'^student\b', 'segmentor', name)
        filled = any(
            not one or f'{place}.'.startswith(f'{one}.') or one.startswith(f'{place}.')
            for one in found
        )
        own = hasattr(module, 'timm_model')  # MMSeg's TIMMBackbone reads its weights
        if (
            filled
            or own
            or name.startswith('teacher')
            or not place.endswith('backbone')
        ):
            continue
        if next(module.parameters(), None) is not None:
            found[place] = ''
    return found


def _configs(module: nn.Module) -> list[dict]:
    configs = getattr(module, 'init_cfg', None) or []
    return [configs] if isinstance(configs, dict) else list(configs)


def is_pretrained(cfg: dict) -> bool:
    """Tell whether an `init_cfg` reads a file, by a name with or without its scope."""
    kind = cfg.get('type')
    name = kind.rsplit('.', 1)[-1] if isinstance(kind, str) else kind
    return name in ('Pretrained', PretrainedInit, CheckedPretrainedInit)


def _inits_as_mmengine(module: BaseModule) -> bool:
    return (
        isinstance(module, ChecksPretrained)
        or type(module).init_weights is BaseModule.init_weights
    )


def _init_by_itself(
    module: BaseModule, state: dict[str, Tensor], initializer: CheckedPretrainedInit
) -> set[str]:
    """Let a network load a file in its own way; return the entries it has changed."""
    before = {k: v.detach().clone() for k, v in module.state_dict().items()}
    config = module.init_cfg
    print_log(
        f'load model from: {initializer.place}, as {type(module).__name__} does it '
        'itself, by a copy',
        logger='current',
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'checkpoint.pth'
        torch.save(dict(state_dict=state), path)
        module.init_cfg = dict(type='Pretrained', checkpoint=str(path))
        try:
            module.init_weights()
        except Exception as error:  # whatever a foreign network raises
            print_log(
                f'{type(module).__name__}.init_weights cannot read '
                f'{initializer.place} ({type(error).__name__}: {error}): loaded by '
                'name instead',
                logger='current',
                level=logging.WARNING,
            )
        finally:
            module.init_cfg = config
    after = module.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def _complete(
    module: Any,
    state: dict[str, Tensor],
    initializer: CheckedPretrainedInit,
    adapted: set[str],
) -> None:
    """Load what a network's own `init_weights` left out; refuse another's file."""
    match = match_checkpoint(module, state)
    resized = [name for name in match.misshapen if name in adapted]
    total = len(match.matched) + len(match.missing) + len(match.misshapen)
    share = (len(match.matched) + len(resized)) / total if total else 1.0
    initializer.check(module, match, share)
    ours = module.state_dict()
    lost = [
        name
        for name in match.matched
        if not torch.equal(ours[name].cpu(), state[name].to(ours[name].dtype))
    ]
    if lost:
        module.load_state_dict({name: state[name] for name in lost}, strict=False)
        print_log(
            f'{type(module).__name__}: {len(lost)} of {len(match.matched)} entries of '
            f'{initializer.place} had not arrived (its own init_weights); loaded',
            logger='current',
        )
