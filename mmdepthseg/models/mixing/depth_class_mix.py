"""DepthClassMix: the classes of one image that stand in front of the other."""

import torch
from torch import Tensor

from mmdepthseg.cityscapes import IGNORED as VOID
from mmdepthseg.models.mixing.base import BatchMix
from mmdepthseg.models.mixing.class_mix import LABELS, class_masks, pick_half
from mmdepthseg.models.mixing.mix_batch import MixBatch
from mmdepthseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DepthClassMix(BatchMix):
    """Mixer that keeps the half of image i's classes that is most in front of image j.

    As `ClassMix`, but depth chooses the classes, not chance: of the k classes present
    in the (pseudo-)label, the floor(k / 2) with the largest mean of `disp_i - disp_j`
    over their pixels stay. Objects keep their outlines, which follow the labels, and
    stand in front of what they cover, on average, which also holds with depth that has
    no outlines. Ours, between ClassMix and DepthMix. Void is not a class and is never
    kept.

    Args:
        half: Whether half of the classes stay, or those that are in front on average
            (a mean of at least 0), however many.
        **kwargs: See `BatchMix`.
    """

    def __init__(self, half: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.half = half

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the pixels of the classes in front."""
        disparity = self._disparity_of(batch)
        labels = batch.labels.flatten(1)
        ahead = (disparity - self.partners(disparity)).flatten(1)
        sums = ahead.new_zeros(len(batch), LABELS).scatter_add_(1, labels, ahead)
        ones = torch.ones_like(ahead)
        counts = ahead.new_zeros(len(batch), LABELS).scatter_add_(1, labels, ones)
        counts[:, VOID] = 0
        means = sums / counts.clamp(min=1)
        if self.half:
            picked = pick_half(counts > 0, means)
        else:
            picked = (counts > 0) & (means >= 0)
        return class_masks(batch.labels, picked)
