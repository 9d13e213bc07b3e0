"""Depth errors of one image, and the alignment before them.

Notation: g is the ground truth and p the prediction (metres, after alignment and
clamping), over the n valid pixels; e = ln p - ln g.

=========  ==============================================  =========
abs_rel    mean |p - g| / g                                unitless
sq_rel     mean (p - g)^2 / g                              metres
rmse       sqrt(mean (p - g)^2)                            metres
rmse_log   sqrt(mean e^2)                                  unitless
log10      mean |log10 p - log10 g|                        unitless
silog      100 sqrt(mean e^2 - (mean e)^2)                 unitless
a1..a3     share of max(p / g, g / p) < 1.25, 1.25^2, ^3   0..1
=========  ==============================================  =========

Sources: Eigen et al., NIPS 2014 (all but the factor of silog); KITTI depth prediction
benchmark (silog: scale-invariant, times 100; MMSegmentation's silog halves the second
term).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdepthseg.utils.errors import UserError

DEPTH_ERRORS = (
    'abs_rel',
    'sq_rel',
    'rmse',
    'rmse_log',
    'log10',
    'silog',
    'a1',
    'a2',
    'a3',
)
ALIGNMENTS = ('median', 'lsqr', 'affine', 'none')

#: Crops as fractions (top, bottom, left, right) of height and width.
CROPS = {
    # KITTI: Garg et al., ECCV 2016 (rows 153..371, columns 44..1197 of 375x1242), and
    # Eigen et al., NIPS 2014, as applied since Godard et al., CVPR 2017.
    'garg': (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    'eigen': (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    # The middle half of Cityscapes: rows 256..768, columns 192..1856 of 1024x2048, as
    # in the evaluation of Watson et al., CVPR 2021 (ManyDepth), whose images also lack
    # the bottom quarter.
    'cityscapes': (0.25, 0.75, 0.09375, 0.90625),
    # All but the bottom quarter, the ego vehicle: the images of Zhou et al., CVPR 2017.
    'cityscapes_no_ego': (0.0, 0.75, 0.0, 1.0),
}


def crop_box(
    crop: str | Sequence[float] | None, height: int, width: int
) -> tuple[slice, slice]:
    """Return the rows and columns of a crop.

    Args:
        crop: A name in `CROPS`, four fractions (top, bottom, left, right), or None for
            the whole image.
        height: Height of the image, pixels.
        width: Width of the image, pixels.

    Returns:
        The slice of the rows and the slice of the columns.

    Raises:
        UserError: The name is unknown or the fractions do not form a box.
    """
    if crop is None:
        return slice(0, height), slice(0, width)
    if isinstance(crop, str):
        if crop not in CROPS:
            raise UserError(
                f'crop must be one of {sorted(CROPS)}, four fractions or None, '
                f'got {crop!r}'
            )
        crop = CROPS[crop]
    top, bottom, left, right = crop
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        raise UserError(
            'crop must be fractions (top, bottom, left, right) with '
            f'0 <= top < bottom <= 1 and 0 <= left < right <= 1, got {tuple(crop)}'
        )
    return (
        slice(int(top * height), int(bottom * height)),
        slice(int(left * width), int(right * width)),
    )


def median(values: Tensor) -> Tensor:
    """Return the median of (n,) values.

    For even n this is the mean of the two middle values, as in NumPy.
    """
    count = len(values)
    lower = values.kthvalue((count + 1) // 2).values
    if count % 2:
        return lower
    # The next larger value, unless it is equal: cheaper than a second selection.
    above = values.masked_fill(values <= lower, float('inf')).min()
    repeated = (values <= lower).sum() > count // 2
    return (lower + torch.where(repeated, lower, above)) / 2


def align_depth(
    prediction: Tensor, target: Tensor, align: str, max_depth: float
) -> tuple[Tensor, Tensor]:
    """Align a prediction that is known only up to scale with the ground truth.

    - `median`: p * median(g) / median(p) (Zhou et al., CVPR 2017).
    - `lsqr`: s p with the s that minimises sum (s p - g)^2; distant points have the
      largest influence.
    - `affine`: scale s and shift t of *inverse* depth, by least squares of
      s / p + t - 1 / g; results below 1 / max_depth count as max_depth. A constant
      prediction gets s = 0. This is for models that know depth only up to scale
      and shift (Ranftl et al., TPAMI 2022). Self-supervised models know it up to scale,
      and figures with a fitted shift must not be compared with theirs.
    - `none`: no alignment.

    Args:
        prediction: Depths (n,), positive.
        target: Ground truth (n,), metres.
        align: One of the above.
        max_depth: Upper bound of the result of `affine`, metres.

    Returns:
        The aligned prediction (n,) and the factor by which it was multiplied, a scalar
        (for `affine` 1 / s, or 1 for a constant prediction).
    """
    if align == 'median':
        scale = median(target) / median(prediction)
        return prediction * scale, scale
    if align == 'lsqr':
        # Relative to the largest value, because squares of tiny ones would underflow.
        unit = prediction.max()
        ratio = prediction / unit
        scale = (ratio * target).sum() / (ratio * ratio).sum() / unit
        return prediction * scale, scale
    if align == 'affine':
        x, y = prediction.reciprocal(), target.reciprocal()
        dx, dy = x - x.mean(), y - y.mean()
        variance = (dx * dx).mean()
        flat = variance <= (1e-6 * x.mean()) ** 2
        scale = torch.where(
            flat, 0.0, (dx * dy).mean() / torch.where(flat, 1.0, variance)
        )
        inverse = scale * x + (y.mean() - scale * x.mean())
        return inverse.clamp(min=1 / max_depth).reciprocal(), torch.where(
            flat, 1.0, scale
        ).reciprocal()
    return prediction, prediction.new_ones(())


def depth_errors(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the errors in the order of `DEPTH_ERRORS`.

    Args:
        prediction: Depths (n,), positive, n >= 1, metres.
        target: Depths (n,), positive, metres.

    Returns:
        Errors (9,), with the dtype of the input.
    """
    difference = prediction - target
    log_error = prediction.log() - target.log()
    ratio = torch.maximum(prediction / target, target / prediction)
    squared = difference * difference
    # Not as a difference of means, which loses its digits in single precision.
    variance = (log_error - log_error.mean()).square().mean()
    return torch.stack(
        [
            (difference.abs() / target).mean(),
            (squared / target).mean(),
            squared.mean().sqrt(),
            log_error.square().mean().sqrt(),
            log_error.abs().mean() / torch.log(log_error.new_tensor(10.0)),
            100 * variance.sqrt(),
            *((ratio < 1.25**power).to(ratio.dtype).mean() for power in (1, 2, 3)),
        ]
    )
