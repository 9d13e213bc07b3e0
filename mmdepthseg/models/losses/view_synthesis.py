"""Self-supervised depth loss: the target frame explained by its neighbours."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdepthseg.geometry import (
    check_depth_range,
    disparity_to_depth,
    synthesize_views,
)
from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.models.losses.over_ranks import mean_over_ranks
from mmdepthseg.models.losses.photometric import PhotometricError
from mmdepthseg.models.losses.smoothness import EdgeAwareSmoothness
from mmdepthseg.models.losses.ssim import ImageStatistics
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import refuse


class ScaleTerms(NamedTuple):
    """Loss of one scale.

    Attributes:
        photometric: Mean photometric error, scalar.
        smooth: Smoothness, already weighted, scalar.
        warped_share: Share of the pixels in which a warped source won over the
            identity; scalar without gradient. 1 without auto-masking.
    """

    photometric: Tensor
    smooth: Tensor
    warped_share: Tensor


@MODELS.register_module()
class ViewSynthesisLoss(nn.Module):
    """Loss of self-supervised depth from video (Godard et al., ICCV 2019, section 3).

    At each scale the disparity, up-sampled to full size, warps every source frame into
    the target view. The error of a pixel is the *smallest* photometric error over the
    sources (a pixel occluded in one frame is visible in another). With auto-masking the
    *identity* errors of the unwarped sources compete: pixels that do not move relative
    to the camera, or whose error warping does not lower, pass no gradient. The
    edge-aware smoothness of the disparity at its own scale is added, times
    `smooth_weight / 2^s`.

    The target's SSIM statistics and the identity errors do not depend on the scale and
    are computed once per step.

    A pixel that cannot be looked up in a source frame (behind its camera or not finite,
    see `mmdepthseg.geometry.synthesize_views`) never wins there. If no source frame has
    it, its error is the identity error (a constant) with auto-masking; without
    auto-masking the mean leaves it out.

    Args:
        ssim_weight: Weight of the SSIM term; 0 gives the L1 error alone.
        auto_mask: Whether the identity errors compete.
        reduce: Reduction over the source frames, 'min' or 'mean' (of identity and
            warped errors separately; the smaller of the two counts).
        smooth_weight: Factor of the smoothness at full size; 0 leaves it out.
        min_depth: Depth of disparity 1, metres.
        max_depth: Depth of disparity 0, metres.
        tie_noise: Standard deviation of the noise on the identity errors that breaks
            ties (MD2's code: 1e-5). The identity wins exact ties anyway.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        ssim_weight: float = 0.85,
        auto_mask: bool = True,
        reduce: str = 'min',
        smooth_weight: float = 1e-3,
        min_depth: float = 0.1,
        max_depth: float = 100.0,
        tie_noise: float = 1e-5,
    ) -> None:
        super().__init__()
        refuse(
            'ViewSynthesisLoss',
            {
                f"reduce must be 'min' or 'mean', got {reduce!r}": (
                    reduce not in ('min', 'mean')
                ),
                'smooth_weight and tie_noise must not be negative': (
                    smooth_weight < 0 or tie_noise < 0
                ),
            },
        )
        check_depth_range('ViewSynthesisLoss', min_depth, max_depth)
        self.error = PhotometricError(ssim_weight)
        self.smoothness = EdgeAwareSmoothness()
        self.auto_mask = auto_mask
        self.reduce = reduce
        self.smooth_weight = smooth_weight
        self.min_depth = min_depth
        self.max_depth = max_depth
        self.tie_noise = tie_noise

    def forward(
        self,
        disparities: Sequence[Tensor],
        target: Tensor,
        sources: Tensor,
        cam2img: Tensor,
        transforms: Tensor,
        target_pyramid: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the loss of one step, averaged over the scales.

        Args:
            disparities: Network disparities in (0, 1), finest first, each (N, 1, h_s,
                w_s).
            target: Images before colour jitter, RGB in [0, 1], (N, 3, H, W).
            sources: The F neighbouring frames likewise, (N, F, 3, H, W).
            cam2img: K in pixels of the H x W image, (N, 3, 3).
            transforms: Target camera -> source cameras, (N, F, 4, 4).
            target_pyramid: The target at each disparity's size, for the smoothness; by
                default it is down-sampled by area averaging.

        Returns:
            `loss_photometric` and `loss_smooth` (weighted), scalars, and for the log
            `warped`: share of the pixels whose error passes a gradient, because a
            warped source beat the identity (1 without auto-masking). Near 0 the depth
            learns from the smoothness alone.

        Raises:
            ValueError: The shapes do not fit.
        """
        terms = self.per_scale(
            disparities, target, sources, cam2img, transforms, target_pyramid
        )
        return dict(
            loss_photometric=torch.stack([t.photometric for t in terms]).mean(),
            loss_smooth=torch.stack([t.smooth for t in terms]).mean(),
            warped=torch.stack([t.warped_share for t in terms]).mean(),
        )

    def per_scale(
        self,
        disparities: Sequence[Tensor],
        target: Tensor,
        sources: Tensor,
        cam2img: Tensor,
        transforms: Tensor,
        target_pyramid: Sequence[Tensor] | None = None,
    ) -> list[ScaleTerms]:
        """Return the loss of each scale; the arguments are those of `forward`."""
        _check(disparities, target, sources, target_pyramid)
        with no_autocast(target):
            target, sources = (t.contiguous() for t in full_precision(target, sources))
            statistics = self.error.prepare(target)
            identity = self._identity_error(sources, statistics)
            if target_pyramid is None:
                target_pyramid = downsample_pyramid(
                    target, [d.shape[-2:] for d in disparities]
                )
            terms = []
            for disparity, image in zip(disparities, target_pyramid):
                (disparity,) = full_precision(disparity)
                photometric, share = self._photometric(
                    disparity, statistics, sources, cam2img, transforms, identity
                )
                smooth = self._smooth(disparity, image, target.shape[-1])
                terms.append(ScaleTerms(photometric, smooth, share))
            return terms

    @torch.no_grad()
    def _identity_error(
        self, sources: Tensor, statistics: ImageStatistics
    ) -> Tensor | None:
        """Return the error of the unwarped sources, (N, 1, H, W), or None."""
        if not self.auto_mask:
            return None
        errors = self.error(sources, statistics)
        if self.reduce == 'mean':
            errors = errors.mean(1, keepdim=True)
        if self.tie_noise > 0:
            errors = errors + torch.randn_like(errors) * self.tie_noise
        return errors.amin(1)

    def _photometric(
        self,
        disparity: Tensor,
        statistics: ImageStatistics,
        sources: Tensor,
        cam2img: Tensor,
        transforms: Tensor,
        identity: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the mean error of one scale and the share of pixels won by a warp."""
        size = sources.shape[-2:]
        if disparity.shape[-2:] != size:
            disparity = F.interpolate(
                disparity, size=size, mode='bilinear', align_corners=False
            )
        _, depth = disparity_to_depth(disparity, self.min_depth, self.max_depth)
        warped, valid = synthesize_views(sources, depth, transforms, cam2img)
        errors = self._over_sources(self.error(warped, statistics), valid)
        if identity is None:
            counted = errors.isfinite()
            total = torch.where(counted, errors, torch.zeros_like(errors)).sum()
            share = torch.ones_like(total.detach())
            return total / mean_over_ranks(counted.sum()).clamp(min=1), share
        wins = errors < identity
        share = wins.float().mean()
        return torch.where(wins, errors, identity).mean(), share

    def _over_sources(self, errors: Tensor, valid: Tensor) -> Tensor:
        """Reduce (N, F, 1, H, W) to (N, 1, H, W); infinite where no source is valid."""
        if self.reduce == 'min':
            errors = torch.where(valid, errors, torch.full_like(errors, torch.inf))
            # Pairwise minima vectorise; min(dim) with its indices does not.
            best = errors[:, 0]
            for other in errors.unbind(1)[1:]:
                best = torch.minimum(best, other)
            return best
        count = valid.sum(1)
        total = torch.where(valid, errors, torch.zeros_like(errors)).sum(1)
        none = torch.full_like(total, torch.inf)
        return torch.where(count > 0, total / count.clamp(min=1), none)

    def _smooth(self, disparity: Tensor, image: Tensor, full_width: int) -> Tensor:
        if self.smooth_weight == 0:
            return disparity.new_zeros(())
        scale = round(math.log2(full_width / disparity.shape[-1]))
        return self.smoothness(disparity, image) * (self.smooth_weight / 2**scale)


@torch.no_grad()
def downsample_pyramid(image: Tensor, sizes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Shrink images (N, C, H, W) by area averaging, each size from the one before."""
    levels = []
    for size in sizes:
        if tuple(image.shape[-2:]) != tuple(size):
            image = F.interpolate(image, size=tuple(size), mode='area')
        levels.append(image)
    return levels


def _check(
    disparities: Sequence[Tensor],
    target: Tensor,
    sources: Tensor,
    target_pyramid: Sequence[Tensor] | None,
) -> None:
    check_shape('target', target, (None, 3, None, None))
    batch, _, height, width = target.shape
    check_shape('sources', sources, (batch, None, 3, height, width))
    if sources.shape[1] == 0:
        raise ValueError('ViewSynthesisLoss needs at least one source frame')
    if len(disparities) == 0:
        raise ValueError('ViewSynthesisLoss needs at least one disparity')
    for disparity in disparities:
        check_shape('disparity', disparity, (batch, 1, None, None))
    if target_pyramid is not None and len(target_pyramid) != len(disparities):
        raise ValueError(
            f'target_pyramid has {len(target_pyramid)} levels for '
            f'{len(disparities)} disparities'
        )
