"""Checks of depth maps before they become labels: sparse, of another unit, ..."""

import warnings

import numpy as np

from mmdepthseg.datasets.depth_maps import STANDARD_RANGE, DepthKind
from mmdepthseg.utils.errors import UserError

#: Share of measured pixels below which maps are sparse, such as LiDAR's.
DENSE = 0.3
#: Shares of their pixels from which a unit is wrong: nearer than a camera sees, farther
#: than depth reaches, and outside of the range that the user gives.
TOO_NEAR, TOO_FAR, OUTSIDE = 0.2, 0.8, 0.95
#: 99 % of the disparities of most maps below this: one stray value is the largest.
FLAT = 0.01
#: Number of maps, and share of those with the same largest value, from which each seems
#: normalised by itself.
SEVERAL, ALIKE = 3, 0.9
UNITS = {
    'depth': 'millimetres need --divisor 1000, PNG as of KITTI --divisor 256, depth '
    'in 0..1 a --scale of the depth that 1 means',
    'inverse-depth': 'a stereo disparity in pixels needs --divisor with fx x baseline, '
    'depth is --kind depth',
}


def check_dense(share: float, meaning: DepthKind) -> None:
    """Refuse maps of which few pixels are measured, unless they are filled.

    NaN, as of no map, is not refused.

    Raises:
        UserError: They are sparse.
    """
    if share < DENSE and meaning.fill is None:
        raise UserError(
            f'only {share:.1%} of the pixels are measured: sparse depth, such as '
            "LiDAR's, is not for mixing, which compares the depths of two images at "
            'every pixel, and would cut objects to dots. --fill nearest gives each '
            'pixel the nearest value (also the sky, so look at the sheet); or use it '
            'as ground truth (depth_dir of ClipDataset, LoadDepthMap), and a network '
            'for the labels'
        )


def check_metres(metres: np.ndarray, meaning: DepthKind) -> None:
    """Refuse depth of another unit: most labels would be the same.

    Args:
        metres: Depth at the percentiles of the maps that are tried.
        meaning: Of the maps; pixels outside of its range are many if the range is one's
            own, but not all.

    Raises:
        UserError: Many are nearer than any camera sees, most are farther than depth
            reaches, or nearly all are outside of the range.
    """
    near, far = meaning.min_depth / 1.01, meaning.max_depth * 1.01  # rounding
    too_near = (metres < min(near, STANDARD_RANGE[0])).mean() > TOO_NEAR
    too_far = (metres > max(far, STANDARD_RANGE[1])).mean() > TOO_FAR
    outside = float(((metres < near) | (metres > far)).mean())
    if too_near or too_far or outside > OUTSIDE:
        raise UserError(
            f'{outside:.0%} of the measured pixels are nearer than '
            f'{meaning.min_depth:g} m or farther than {meaning.max_depth:g} m '
            '(--min-depth, --max-depth), where all labels are the same; the median is '
            f'{np.median(metres):,.6g} m. Is the unit another one? '
            f'{UNITS[meaning.kind]}. Pixels without a depth, such as the sky, must be 0'
        )


def check_disparity(percentiles: np.ndarray, scale: float, largest: str) -> None:
    """Refuse disparities that are nearly all 0 after scaling.

    Args:
        percentiles: (N, 101) percentiles of the values of N maps.
        scale: Factor of the values.
        largest: File of the largest value, if that sets the scale, or ''.

    Warns:
        UserWarning: The largest value is the same in nearly all maps.

    Raises:
        UserError: They are nearly all 0.
    """
    usual = float(np.median(percentiles[:, 99]))
    if usual * scale < FLAT:
        cause = (
            f'{largest}: its largest value, {1 / scale:,.6g}, sets the scale. Set '
            'stray pixels to 0 (not measured), or leave the map and its image out'
            if largest
            else f'give a larger --scale than {scale:g}, the same for all maps'
        )
        raise UserError(
            f'99 % of the disparities are below {usual * scale:.2g} after scaling, so '
            f'labels hardly differ: {cause}'
        )
    tops = percentiles[:, -1]
    alike = np.isclose(tops, np.median(tops), rtol=1e-5, atol=0).mean()
    if len(tops) >= SEVERAL and alike >= ALIKE:
        warnings.warn(
            f'the largest value is {np.median(tops):,.6g} in {alike:.0%} of the '
            f'{len(tops)} maps that were looked at. If each map was normalised by '
            'itself (as 16-bit pictures of MiDaS are), near in one image and far in '
            "another are the same value: save the network's own values (.npy). If "
            'values are only cut off there, or something is always as near (the '
            'bonnet), all is well.',
            stacklevel=3,
        )
