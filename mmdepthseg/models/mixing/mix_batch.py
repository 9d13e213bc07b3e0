"""The batch that mixers work on."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import check_shape


@dataclass(frozen=True)
class MixBatch:
    """A batch of images with (pseudo-)labels, to be mixed.

    Hard labels with their confidence are all that is needed of a softmax map: a binary
    mask takes every pixel whole from one image, so arg max and maximum commute with
    mixing, at 1/19 of the memory for 19 classes.

    Attributes:
        images: RGB in [0, 1], not normalised, (N, 3, H, W).
        labels: (N, H, W) int64, 255 = void.
        confidence: (N, H, W) in [0, 1]; 0 where void, 1 where ground truth.
        disparity: (N, 1, H, W) in [0, 1], larger is nearer, or None.
        mask: Set by a mixer, (N, 1, H, W) bool: True where image i kept its pixel; the
            other pixels come from its partner.

    Raises:
        ValueError: The shapes do not fit.
    """

    images: Tensor
    labels: Tensor
    confidence: Tensor
    disparity: Tensor | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape('images', self.images, (None, 3, None, None))
        count, _, height, width = self.images.shape
        check_shape('labels', self.labels, (count, height, width))
        check_shape('confidence', self.confidence, (count, height, width))
        for name in ('disparity', 'mask'):
            if (part := getattr(self, name)) is not None:
                check_shape(name, part, (count, 1, height, width))

    def __len__(self) -> int:
        return self.images.shape[0]


def concatenate(batches: Sequence[MixBatch]) -> MixBatch:
    """Return the batches one after the other, as one; a single one as it is."""
    if len(batches) == 1:
        return batches[0]

    def joined(name: str) -> Any:
        parts = [getattr(batch, name) for batch in batches]
        return None if parts[0] is None else torch.cat(parts)

    return MixBatch(**{field.name: joined(field.name) for field in fields(MixBatch)})


def normalize_disparity(disparity: Tensor) -> Tensor:
    """Stretch each image's disparity to [0, 1]; a constant map becomes zeros.

    This is for disparity from a network in training, whose scale drifts. Afterwards the
    disparities of two images are comparable only in rank; stored depth labels are
    better compared unchanged.

    Args:
        disparity: (N, 1, H, W).

    Returns:
        Detached, at least float32, (N, 1, H, W).
    """
    check_shape('disparity', disparity, (None, 1, None, None))
    disparity = disparity.detach()
    if disparity.dtype not in (torch.float32, torch.float64):
        disparity = disparity.float()
    low = disparity.amin((1, 2, 3), keepdim=True)
    span = disparity.amax((1, 2, 3), keepdim=True) - low
    return (disparity - low) / torch.where(span > 0, span, torch.ones_like(span))


def draw_uniform(
    shape: tuple[int, ...],
    low: float,
    high: float,
    device: torch.device,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw uniform float32 numbers on `device`.

    They are drawn on the generator's device and then moved, so that one CPU generator
    gives the same numbers for CPU and CUDA batches.
    """
    where = device if generator is None else generator.device
    draw = torch.rand(shape, generator=generator, device=where)
    return draw.mul_(high - low).add_(low).to(device, non_blocking=True)
