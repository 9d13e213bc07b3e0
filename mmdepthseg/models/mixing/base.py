"""Base class of batch mixers."""

from abc import ABCMeta, abstractmethod

import torch
from torch import Tensor

from mmdepthseg.models.mixing.mix_batch import MixBatch, draw_uniform
from mmdepthseg.utils.errors import UserError


class BatchMix(metaclass=ABCMeta):
    """Base class of mixers: `out_i = M_i ? x_i : x_j` for each image i of a batch.

    The partner of i is the next image, j = (i + 1) mod N. Subclasses only draw the
    masks. Whole pixels move: label, confidence and disparity go with the colour, and
    void stays void.

    MMSeg's and mmpretrain's batch augmentations are not used: they know neither
    pseudo-labels with a confidence nor depth. MMSeg's `RandomDepthMix` is an unrelated
    transform of a single sample.

    Args:
        prob: Probability of each image to be mixed; otherwise it stays as it is. 1 is
            the paper's; UniMatch (Yang et al., CVPR 2023) mixes half of them. True
            labels in the teacher's place teach more where images stay whole
            (docs/results.md).

    Raises:
        UserError: `prob` is not in [0, 1].
    """

    #: Whether a single image is enough.
    accepts_single = False
    #: Whether masks depend on depth; if not, the caller need not compute it.
    needs_disparity = True
    prob = 1.0

    def __init__(self, prob: float = 1.0) -> None:
        if not 0 <= prob <= 1:
            raise UserError(
                f'{type(self).__name__}: prob must be in [0, 1], got {prob}'
            )
        self.prob = prob

    @torch.no_grad()
    def __call__(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> MixBatch:
        """Mix a batch.

        Args:
            batch: N >= 2 images; it is not changed.
            generator: Source of the random numbers, on any device; None uses the
                default one of the batch's device.

        Returns:
            The mixed batch, its `mask` set.

        Raises:
            UserError: N < 2, or the batch has no disparity and the mixer needs it.
        """
        name = type(self).__name__
        if len(batch) < 2 and not self.accepts_single:
            raise UserError(
                f'{name} mixes each image with the next one and needs at least 2 '
                f'images in the mix batch, got {len(batch)}. Raise the batch size '
                'or use NoMix.'
            )
        mask = self.draw_masks(batch, generator)
        if self.prob < 1:
            drawn = draw_uniform((len(batch), 1, 1, 1), 0, 1, mask.device, generator)
            mask = mask | (drawn >= self.prob)

        def mixed(part: Tensor, at: Tensor) -> Tensor:
            return torch.where(at, part, self.partners(part))

        flat = mask[:, 0]
        return MixBatch(
            images=mixed(batch.images, mask),
            labels=mixed(batch.labels, flat),
            confidence=mixed(batch.confidence, flat),
            disparity=(
                None if batch.disparity is None else mixed(batch.disparity, mask)
            ),
            mask=mask,
        )

    def partners(self, part: Tensor) -> Tensor:
        """Return what each image's partner has, (N, ...) -> (N, ...)."""
        return part.roll(-1, 0)

    @abstractmethod
    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the masks of a batch, (N, 1, H, W) bool: True = the pixel stays."""

    def _disparity_of(self, batch: MixBatch) -> Tensor:
        if batch.disparity is None:
            raise UserError(
                f'{type(self).__name__} needs the disparity of the mix images, but '
                "the batch has none: add the transform dict(type='LoadSDEDisparity')"
                ' to the pipeline, or take the depth online from a depth head'
            )
        return batch.disparity


def check_range(name: str, value: float | tuple[float, float]) -> tuple[float, float]:
    """Return a number or an ordered pair as a pair; raise a UserError otherwise."""
    if isinstance(value, (int, float)):
        return float(value), float(value)
    if len(value) != 2 or value[0] > value[1]:
        raise UserError(f'{name} must be a number or (low, high), got {value}')
    return float(value[0]), float(value[1])
