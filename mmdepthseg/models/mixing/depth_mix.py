"""Mixers that use depth."""

import torch
from torch import Tensor

from mmdepthseg.models.mixing.base import BatchMix, check_range
from mmdepthseg.models.mixing.mix_batch import MixBatch, draw_uniform
from mmdepthseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DepthMix(BatchMix):
    """Mixer that keeps the pixels of image i not farther than those of its partner j.

    `M_i = [disp_i >= disp_j - margin] * [disp_i >= foreground_threshold]` (Hoyer et
    al., CVPR 2021, section 3.3): objects of one image stand in front of what is farther
    away in the other, and occlusions stay plausible.

    Args:
        margin: Margin in disparity, by which ties of distant pixels (sky on sky) keep
            image i. The paper's 0.03 is for disparities that fill [0, 1]; stored ones
            keep the range of their model (for example 0.04 to 0.2): use about 3 % of
            that, or `relative_margin`, otherwise nearly every pixel counts as nearer
            and nothing is mixed.
        foreground_threshold: Disparity below which a pixel is background and is never
            kept, or a range from which it is drawn per image.
        relative_margin: Whether the margin is a share of the range of the batch's
            disparities above 0, which is what was not measured. This is right for any
            range, and is the paper's margin where they fill [0, 1].
        **kwargs: See `BatchMix`.
    """

    def __init__(
        self,
        margin: float = 0.03,
        foreground_threshold: float | tuple[float, float] = 0.0,
        relative_margin: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.margin = margin
        self.relative_margin = relative_margin
        self.foreground_threshold = check_range(
            'foreground_threshold', foreground_threshold
        )

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return where i is foreground and not farther than j."""
        disparity = self._disparity_of(batch)
        margin: float | Tensor = self.margin
        if self.relative_margin:
            nearest = disparity.max()
            farthest = disparity.where(disparity > 0, nearest).min()
            margin = margin * (nearest - farthest)
        mask = disparity >= self.partners(disparity) - margin
        low, high = self.foreground_threshold
        if low == high:
            return mask & (disparity >= low)
        drawn = draw_uniform(
            (len(batch), 1, 1, 1), low, high, disparity.device, generator
        )
        return mask & (disparity >= drawn)


@TRANSFORMS.register_module()
class DepthThresholdMix(BatchMix):
    """Mixer that keeps the pixels of image i nearer than a random depth.

    `M_i = [disp_i >= t]`. The thresholds are for disparities stretched to [0, 1] in
    each image: take depth from a network (`disparity='online'` or `'teacher'` of
    `MeanTeacher`), or labels by `LoadSDEDisparity` with `stretch=True`. Unstretched
    labels keep the range of their model, for example 0.04 to 0.2, where most thresholds
    keep nothing.

    Args:
        threshold: Disparity t, or the range from which it is drawn per image. The
            default is the paper's.
        **kwargs: See `BatchMix`.
    """

    def __init__(
        self, threshold: float | tuple[float, float] = (0.1, 0.4), **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.threshold = check_range('threshold', threshold)

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return where i is nearer than its threshold."""
        disparity = self._disparity_of(batch)
        drawn = draw_uniform(
            (len(batch), 1, 1, 1), *self.threshold, disparity.device, generator
        )
        return disparity >= drawn


@TRANSFORMS.register_module()
class DepthHistogramMix(BatchMix):
    """Mixer that keeps a random share of the pixels of image i, the nearest ones.

    The threshold is a quantile of the image's own disparity, read off its histogram:
    unlike with `DepthThresholdMix`, the size of the kept part does not depend on the
    scene. The bins divide [0, 1]: unstretched labels, which fill for example 0.04 to
    0.2, share few bins, and the kept part grows in coarse steps. Use stretched
    disparities, as for `DepthThresholdMix`.

    Args:
        kept_share: Share of the pixels to keep, or the range from which it is drawn per
            image. Ties, and the width of a bin, make it approximate.
        bins: Number of bins over [0, 1].
        **kwargs: See `BatchMix`.
    """

    def __init__(
        self,
        kept_share: float | tuple[float, float] = (0.25, 0.75),
        bins: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.kept_share = check_range('kept_share', kept_share)
        self.bins = bins

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return where i is among the nearest of its own pixels."""
        disparity = self._disparity_of(batch)
        share = draw_uniform(
            (len(batch), 1), *self.kept_share, disparity.device, generator
        )
        index = (disparity.flatten(1) * self.bins).long().clamp_(0, self.bins - 1)
        counts = torch.zeros(
            len(batch), self.bins, dtype=torch.long, device=disparity.device
        ).scatter_add_(1, index, torch.ones_like(index))
        nearer = counts.flip(1).cumsum(1).flip(1)
        # The highest bin such that enough pixels are in it or nearer.
        enough = nearer >= share * index.shape[1]
        lowest = enough.sum(1, keepdim=True) - 1
        return (index >= lowest).view_as(disparity)
