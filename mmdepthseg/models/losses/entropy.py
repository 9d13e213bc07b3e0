"""Entropy of a segmentation network's prediction (active learning baseline)."""

import math

import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast


def prediction_entropy(logits: Tensor, normalize: bool = False) -> Tensor:
    """Return the entropy per pixel: `-sum_c p log2(p) / log2(C)`, in [0, 1].

    Args:
        logits: (N, C, H, W), C >= 2.
        normalize: Whether to stretch to [0, 1] by the minimum and maximum of the whole
            batch.

    Returns:
        (N, H, W).

    Raises:
        ValueError: `logits` is not 4-D or has a single class.
    """
    check_shape('logits', logits, (None, None, None, None))
    classes = logits.shape[1]
    if classes < 2:
        raise ValueError('The entropy of a single class is not defined')
    with no_autocast(logits):
        (logits,) = full_precision(logits)
        log_p = logits.log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum(1) / math.log(classes)
        if normalize:
            low, high = entropy.aminmax()
            tiny = torch.finfo(entropy.dtype).tiny
            entropy = (entropy - low) / (high - low).clamp(min=tiny)
        return entropy
