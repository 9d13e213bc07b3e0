"""The normalization of images with which a checkpoint was trained, beside the model's.

Weights do not know it: with another one a network sees images that it has never learned
from, and only its figures are worse.
"""

from collections.abc import Mapping
from math import isclose
from typing import Any

import torch
from torch import Tensor, nn

#: Where a checkpoint's `meta` has it. The config there is taken out, see `safety`.
NORMALIZATION = 'normalization'
#: Mean and standard deviation, in 0..255, that differ by less are the same.
TOLERANCE = 0.1


def mean_and_std(preprocessor: Any) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation for images in 0..255.

    Args:
        preprocessor: `DepthSegDataPreProcessor`, or MMSegmentation's.

    Returns:
        Two of (C, 1, 1), of one number or one for each channel.
    """
    if hasattr(preprocessor, 'normalize'):
        mean, std = preprocessor.mean * 255, preprocessor.std * 255
    elif getattr(preprocessor, '_enable_normalize', False):
        mean, std = preprocessor.mean, preprocessor.std
    else:
        mean, std = torch.zeros(1), torch.ones(1)
    return mean.float().reshape(-1, 1, 1), std.float().reshape(-1, 1, 1)


def swaps_channels(preprocessor: Any) -> bool:
    """Tell whether the network sees RGB of images that are loaded as BGR."""
    # ours, the OneDL fork's and OpenMMLab's
    names = ('bgr_to_rgb', '_channel_conversion', 'channel_conversion')
    return any(bool(getattr(preprocessor, name, False)) for name in names)


def own_normalization(model: nn.Module) -> dict[str, Any]:
    """Return a model's normalization, to be saved and compared.

    Args:
        model: Not wrapped.

    Returns:
        `mean` and `std` (lists of one number or one for each channel, in 0..255) and
        `bgr_to_rgb`; {} if the model has none of our data preprocessors nor of
        MMSegmentation's.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    if not any(hasattr(preprocessor, n) for n in ('normalize', '_enable_normalize')):
        return {}
    for name in ('mean', 'std'):  # somebody's own may have anything
        if not torch.is_tensor(getattr(preprocessor, name, torch.zeros(1))):
            return {}
    mean, std = (
        [round(value, 3) for value in part.flatten().tolist()]
        for part in mean_and_std(preprocessor)
    )
    return dict(mean=mean, std=std, bgr_to_rgb=swaps_channels(preprocessor))


def trained_normalization(checkpoint: Mapping) -> dict[str, Any]:
    """Return the normalization that a training saved with its weights.

    Args:
        checkpoint: As the runner writes it.

    Returns:
        See `own_normalization`; {} if the checkpoint does not tell it.
    """
    meta = checkpoint.get('meta')
    known = meta.get(NORMALIZATION) if isinstance(meta, Mapping) else None
    if not isinstance(known, Mapping):
        return {}
    for part in (known.get('mean'), known.get('std')):
        if not isinstance(part, list | tuple) or not part:
            return {}
        if not all(isinstance(value, int | float) for value in part):
            return {}
    return dict(
        mean=[*known['mean']],
        std=[*known['std']],
        bgr_to_rgb=bool(known.get('bgr_to_rgb')),
    )


def compare_normalization(
    model: nn.Module, source: str, trained: Mapping[str, Any]
) -> str | None:
    """Compare the normalization of a checkpoint's training with that of a model.

    Args:
        model: Not wrapped.
        source: Where the weights come from, for the message.
        trained: See `trained_normalization`.

    Returns:
        A warning if they differ; None if they do not, or one is not known.
    """
    own = own_normalization(model)
    if not own or not trained:
        return None
    pairs: list[tuple[float, float]] = []
    for name in ('mean', 'std'):
        ours, theirs = own[name], trained[name]
        channels = max(len(ours), len(theirs))
        if not {len(ours), len(theirs)} <= {1, channels}:
            return None  # of images with other channels
        pairs += zip(
            *(part * channels if len(part) == 1 else part for part in (ours, theirs))
        )
    alike = all(isclose(*pair, rel_tol=0, abs_tol=TOLERANCE) for pair in pairs)
    if alike and own['bgr_to_rgb'] == trained['bgr_to_rgb']:
        return None
    said = [
        ', '.join(f'{key}={value}' for key, value in one.items())
        for one in (own, trained)
    ]
    return (
        f'data_preprocessor has {said[0]}, but {source} was trained with {said[1]}: '
        'set model.data_preprocessor to these, or the network sees other images than '
        'those that it learned from'
    )
