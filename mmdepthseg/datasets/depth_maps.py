"""Depth maps of other people: reading, holes, and the way to disparity.

Convention: a map's values times a scale are metres (`depth`), 1 / metres
(`inverse-depth`), or a disparity in [0, 1] of any network (`disparity`). 0 and values
that are not finite mean "not measured", NaN in arrays.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from mmdepthseg.datasets.depth_labels import SCALE
from mmdepthseg.geometry.depth import check_depth_range, depth_to_disparity
from mmdepthseg.utils.errors import UserError, refuse
from mmdepthseg.utils.files import read_array
from mmdepthseg.utils.pictures import read_picture

#: Depths of disparity 1 and 0, metres, as in depth heads.
STANDARD_RANGE = (0.1, 100.0)
KINDS = ('depth', 'inverse-depth', 'disparity')
#: Ends of the names of maps; OpenCV's wheels cannot read .exr.
MAPS = ('.npy', '.png', '.tif', '.tiff')


@dataclass(frozen=True)
class DepthKind:
    """Meaning of the values of depth maps.

    Attributes:
        kind: One of `KINDS`.
        scale: Factor of the values; None: 1, for disparity 1 / the largest value of
            all maps.
        min_depth: Depth of disparity 1, metres; nearer pixels get it, too. Not for
            maps of disparity.
        max_depth: Depth of disparity 0, likewise.
        fill: 'nearest': give pixels without a value that of the nearest pixel with one.
            None: they stay without.
    """

    kind: str
    scale: float | None = None
    min_depth: float = STANDARD_RANGE[0]
    max_depth: float = STANDARD_RANGE[1]
    fill: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        refuse(
            'import of depth',
            {
                f'kind must be one of {KINDS}, got {self.kind!r}': (
                    self.kind not in KINDS
                ),
                f'scale must be positive, got {self.scale}': (
                    self.scale is not None and not self.scale > 0
                ),
                'min_depth and max_depth are for metres, a disparity has none: leave '
                'them out (--min-depth, --max-depth)': (
                    self.kind == 'disparity'
                    and (self.min_depth, self.max_depth) != STANDARD_RANGE
                ),
                f"fill must be 'nearest', got {self.fill!r}": (
                    self.fill not in (None, 'nearest')
                ),
            },
        )
        check_depth_range('import of depth', self.min_depth, self.max_depth)

    def metres(self, scaled: np.ndarray) -> np.ndarray:
        """Return the depth, in metres, of scaled values; not for disparity."""
        return scaled if self.kind == 'depth' else 1 / scaled

    def disparity(self, values: np.ndarray, scale: float) -> np.ndarray:
        """Return the disparity in [0, 1] of the values of a map.

        Args:
            values: (H, W); NaN: not measured.
            scale: Their factor.

        Returns:
            (H, W) float32; 0: not measured. Measured pixels are above 0.

        Raises:
            UserError: A disparity exceeds 1.
        """
        if self.fill:
            values = fill_nearest(values)
        known = np.isfinite(values)
        scaled = np.where(known, values, 1) * np.float64(scale)
        if self.kind == 'disparity':
            largest = scaled[known].max(initial=0)
            if largest > 1 + 1e-6:
                raise UserError(
                    f'the largest disparity is {largest:.4g} after scaling, more than '
                    f'1: give a --scale of at most {scale / largest:.4g}, the same for '
                    'all maps'
                )
            found = scaled
        else:
            metres = torch.from_numpy(self.metres(scaled))
            bounded = metres.clamp(self.min_depth, self.max_depth)
            found = depth_to_disparity(bounded, self.min_depth, self.max_depth).numpy()
        return np.where(known, found.clip(1 / SCALE, 1), 0).astype(np.float32)


def read_map(path: str | Path) -> np.ndarray:
    """Read a depth map: .npy or TIFF (floats, or integers of 16 bits or more), PNG.

    Returns:
        (H, W) float32; NaN where 0, negative or not finite.

    Raises:
        UserError: It cannot be read, has several channels or only 8 bits.
    """
    path = Path(path)
    if path.suffix.lower() == '.npy':
        values = np.array(read_array(path)).squeeze()
    else:
        found = read_picture(path, cv2.IMREAD_UNCHANGED)
        if found is None:
            raise UserError(f'{path}: damaged, or not a depth map that OpenCV can read')
        values = found
    kind, size = values.dtype.kind, values.dtype.itemsize
    if values.ndim != 2 or not (kind == 'f' or (kind in 'iu' and size >= 2)):
        raise UserError(
            f'{path}: has type {values.dtype} and shape {values.shape}; expected one '
            'channel of floats, or of integers of 16 bits or more: 8 bits are too '
            'coarse for depth, and a coloured picture is not one'
        )
    values = values.astype(np.float32)
    return np.where(np.isfinite(values) & (values > 0), values, np.float32(np.nan))


def fill_nearest(values: np.ndarray) -> np.ndarray:
    """Give pixels without a value (NaN) that of the nearest pixel with one."""
    unknown = np.isnan(values)
    if not unknown.any() or unknown.all():
        return values
    # every known pixel has a label of its own, which the unknown ones around it share
    _, nearest = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )
    table = np.zeros(nearest.max() + 1, values.dtype)
    table[nearest[~unknown]] = values[~unknown]
    return table[nearest]


def measured(values: np.ndarray) -> float:
    """Return the share of pixels that have a value."""
    return float(np.isfinite(values).mean())
