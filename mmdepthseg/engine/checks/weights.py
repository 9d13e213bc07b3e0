"""Doubts about where weights start from and at which rate; see `CheckStartHook`."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from torch import nn

from mmdepthseg.checkpoints.normalization import compare_normalization
from mmdepthseg.engine.optim.merged_groups_constructor import PARAMWISE_READERS

#: Mean and standard deviation, in 0..255, of the images for which the weights of
#: EfficientNet-Lite were made.
LITE = (127.0, 128.0)
#: Sources of weights that were made for images of these ones, ImageNet's.
PUBLISHED = (
    'torchvision://',
    'open-mmlab://',
    'https://download.pytorch.org/',
    'https://download.openmmlab.com/',
)
IMAGENET = 'mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]'


def random_encoders(sources: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each random backbone whose heads start from a file.

    `backbone=dict(_delete_=True, ...)` in a derived config also takes away the
    `init_cfg` of the config below it: a transfer would be one of the decoder alone.

    Args:
        sources: See `weight_sources`.
    """
    for place, source in sources.items():
        owner = place.removesuffix('backbone')
        heads = [
            f'{one} from {file}'
            for one, file in sources.items()
            if file and one.startswith(owner) and 'head' in one[len(owner) :]
        ]
        if not source and heads:
            yield (
                f'{place} starts from random values, {", ".join(heads)}: give it an '
                'init_cfg, too (with `_delete_=True` it loses that of the base config)'
            )


def foreign_normalization(model: nn.Module, sources: Mapping[str, str]) -> list[str]:
    """Return a warning if published weights get images of another normalization.

    Args:
        model: With a `data_preprocessor` of ours.
        sources: See `weight_sources`.
    """
    processor: Any = getattr(model, 'data_preprocessor', None)
    if not hasattr(processor, 'keep_raw'):  # not ours, so in other units
        return []
    given = [float(255 * part.mean()) for part in (processor.mean, processor.std)]
    lite = all(abs(one - other) < 0.1 for one, other in zip(given, LITE, strict=True))
    for place, source in sources.items():
        made_lite = source.startswith('package://efficientnet-lite')
        if not place.endswith('backbone') or 'caffe' in source:
            continue
        if lite and source.startswith(PUBLISHED) or made_lite and not lite:
            wanted = IMAGENET if lite else 'mean=[127.0] * 3, std=[128.0] * 3'
            return [
                f'data_preprocessor has mean {given[0]:.1f} and std {given[1]:.1f} (of '
                f'the channels), but {place} starts from {source}, which was made for '
                f'{wanted}: set them, if that file does not say otherwise'
            ]
    return []


def retrained_encoders(model: nn.Module) -> list[str]:
    """Return a warning for each file whose encoder learned from other images.

    Own checkpoints tell the normalization of their training. A decoder alone is not of
    images.

    Args:
        model: Not wrapped; `Pretrained` has noted what filled its parts.
    """
    doubts: dict[str, None] = {}
    for name, module in model.named_modules():
        noted = vars(module).get('filled_normalization')
        encodes = name.endswith('backbone') or hasattr(module, 'backbone')
        if noted and encodes and (doubt := compare_normalization(model, *noted)):
            doubts[doubt] = None  # once, for a teacher is a copy
    return [*doubts]


def idle_rates(config: Config, model: nn.Module) -> Iterator[str]:
    """Yield a warning for each of `custom_keys` that is part of no parameter's name."""
    wrapper = config.get('optim_wrapper') or {}
    if wrapper.get('constructor', PARAMWISE_READERS[0]) not in PARAMWISE_READERS:
        return
    names = [
        name if '.' in name else f'.{name}' for name, _ in model.named_parameters()
    ]
    for key in (wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}:
        if not any(key in name for name in names):
            yield (
                f'optim_wrapper.paramwise_cfg.custom_keys: {key!r} is part of no '
                "parameter's name, so its settings apply to nothing"
            )
