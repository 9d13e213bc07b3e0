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

    `ClassMix` with depth in the place of chance: of the k classes present in the
    (pseudo-)label, the floor(k / 2) with the largest mean of `disp_i - disp_j` over
    their pixels stay. Objects stand in front of what they cover, as with `DepthMix`,
    and keep the outlines of their labels, also where the depth has none. Ours, from
    both of the papers' (docs/results.md).

    Pixels whose disparity is 0 in either image were not measured and do not count; a
    class without others has the mean 0. Void is not a class and is never kept. Nothing
    is drawn at random.

    Args:
        **kwargs: See `BatchMix`.
    """

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the pixels of the classes in front."""
        own = self._disparity_of(batch)
        other = self.partners(own)
        measured = ((own > 0) & (other > 0)).flatten(1).float()
        ahead = (own - other).flatten(1).float() * measured
        labels = batch.labels.flatten(1)

        def by_class(values: Tensor) -> Tensor:
            return values.new_zeros(len(batch), LABELS).scatter_add_(1, labels, values)

        present = by_class(torch.ones_like(measured)) > 0
        present[:, VOID] = False
        means = by_class(ahead) / by_class(measured).clamp(min=1)
        return class_masks(batch.labels, pick_half(present, means))
