"""A pool of frames as feature vectors: checks, normalisation, exact distances.

Convention
    - Frames are rows; row i of N is frame i. Features are (N, D) or (N, C, H, W),
      float16, float32, float64 or integer, in memory or memory-mapped. They are read
      in blocks of a few MiB and never copied as a whole.
    - `'channel'`: each channel (each column of (N, D)) is divided by its standard
      deviation over frames and positions (n - 1 in the denominator). The mean need
      not be subtracted: it cancels in every difference.
    - `'unit'`: each frame's vector is divided by its length, so that distances
      rank frames as their angles do.
    - Exact distance: square root of the sum of squared differences in float64.
      This avoids the cancellation of |x|^2 + |y|^2 - 2 x.y for nearly equal frames.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from mmdepthseg.utils.errors import UserError

NORMALIZATIONS = ('auto', 'none', 'channel', 'unit')
BLOCK_BYTES = 4 * 2**20
_MAX_NAMED_ROWS = 5
#: Length of a frame's vector whose square, summed over any pool, is a finite float64.
_MAX_LENGTH = 1e150


def name_rows(rows: np.ndarray) -> str:
    """Name the first few of `rows` in messages: 'rows 3, 7, ... (12 in all)'."""
    shown = ', '.join(str(int(row)) for row in rows[:_MAX_NAMED_ROWS])
    more = f', ... ({len(rows)} in all)' if len(rows) > _MAX_NAMED_ROWS else ''
    return f'row{"s" if len(rows) > 1 else ""} {shown}{more}'


class FeaturePool:
    """Feature vectors of N frames, read in blocks.

    Args:
        features: (N, D) or (N, C, H, W), real numbers; C-contiguous if large.
        normalize: `'none'`, `'channel'` or `'unit'` (see the convention above);
            `'auto'` is `'channel'` for (N, C, H, W) and `'none'` for (N, D).

    Attributes:
        size: N.
        dims: D, or C * H * W.
        image_shape: (C, H, W), or None for (N, D).

    Raises:
        UserError: The pool is empty, shape or type is not one of these, or values
            are not finite or too large for squares (the message names the rows).
    """

    def __init__(self, features: np.ndarray, normalize: str = 'auto') -> None:
        features = check_shape(features)
        if normalize not in NORMALIZATIONS:
            raise UserError(
                f'normalize={normalize!r}, expected one of {", ".join(NORMALIZATIONS)}'
            )
        if normalize == 'auto':
            normalize = 'channel' if features.ndim == 4 else 'none'
        self.normalize = normalize
        self.size = len(features)
        self.image_shape = features.shape[1:] if features.ndim == 4 else None
        self.array = features.reshape(self.size, -1)
        self.dims = self.array.shape[1]
        half_or_single = self.array.dtype.kind == 'f' and self.array.dtype.itemsize <= 4
        self._work = np.float32 if half_or_single else np.float64
        self.block_rows = max(1, BLOCK_BYTES // (4 * self.dims))
        #: Factor of each column, (D,) float64, or None.
        self.column_scale: np.ndarray | None = None
        #: Factor of each row, (N,) float64, or None.
        self.row_scale: np.ndarray | None = None
        self._measure()

    def blocks(self) -> Iterator[slice]:
        """Yield consecutive slices that cover the pool, a few MiB each."""
        for start in range(0, self.size, self.block_rows):
            yield slice(start, min(start + self.block_rows, self.size))

    def exact_squared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the squared distances of pairs, from differences in float64.

        The value depends only on the pair (not on its place in the call or on threads)
        and is the same for (i, j) and (j, i).

        Args:
            first: (P,) row indices, or (1,) to pair one row with all of `second`.
            second: (P,) row indices.

        Returns:
            (P,) float64.
        """
        out = np.empty(len(second))
        step = max(1, BLOCK_BYTES // (8 * self.dims))
        for start in range(0, len(second), step):
            part = slice(start, start + step)
            left = first if len(first) == 1 else first[part]
            difference = self._rows(second[part])
            difference -= self._rows(left)
            if self.column_scale is not None:
                difference *= self.column_scale
            np.square(difference, out=difference)
            # numpy's pairwise sum of contiguous rows is accurate, its order fixed by D.
            out[part] = difference.sum(axis=1)
        return out

    def normalized(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return normalised rows, up to a shift: (len(rows), D) float64."""
        out = self._rows(rows)
        if self.column_scale is not None:
            out *= self.column_scale
        return out

    def screening_rows(
        self,
        rows: np.ndarray | slice,
        center: np.ndarray,
        scale: np.ndarray | float,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return (row - center) * scale in float32, with at most 3 roundings.

        Args:
            rows: Which rows.
            center: (D,) float32; must be zero with `'unit'`.
            scale: (D,) or one number.
            out: Output buffer, at least (len(rows), D) float32.
        """
        if self._work is np.float32:
            raw = self.array[rows]
            out = np.empty(raw.shape, np.float32) if out is None else out[: len(raw)]
            np.copyto(out, raw, casting='same_kind')
            if self.row_scale is None:
                out -= center
            else:
                out *= self.row_scale[rows, None].astype(np.float32)
            out *= np.asarray(scale, np.float32)
            return out
        work = self._rows(rows)
        work -= center
        work *= scale
        if out is None:
            return work.astype(np.float32)
        out = out[: len(work)]
        np.copyto(out, work, casting='same_kind')
        return out

    def _rows(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return a float64 copy of rows, with `'unit'` but without `'channel'`."""
        out = np.array(self.array[rows], dtype=np.float64, order='C')
        if self.row_scale is not None:
            out *= self.row_scale[rows, None]
        return out

    def _measure(self) -> None:
        """Check that all values are finite, and compute the normalisation factors."""
        shift = np.zeros(self.dims)
        total, squares = np.zeros(self.dims), np.zeros(self.dims)
        lengths = np.empty(self.size) if self.normalize == 'unit' else None
        bad, large = [], []
        for rows in self.blocks():
            block = self.array[rows].astype(self._work, copy=False)
            bad.append(rows.start + _not_finite(block))
            large.append(rows.start + _too_large(block))
            if self.normalize == 'none' or len(bad[-1]) or len(large[-1]):
                continue
            wide = block.astype(np.float64)
            if lengths is not None:
                lengths[rows] = np.sqrt(np.square(wide).sum(axis=1))
                continue
            if rows.start == 0:
                # Around a rough mean: a common offset would cost the sums digits.
                shift = wide.mean(axis=0)
            wide -= shift
            total += wide.sum(axis=0)
            squares += np.square(wide, out=wide).sum(axis=0)
        broken = np.concatenate(bad)
        if len(broken):
            raise UserError(
                f'features: {name_rows(broken)} hold NaN or infinite values; drop '
                'these frames or compute their features again'
            )
        longest = np.concatenate(large)
        if len(longest):
            raise UserError(
                f'features: {name_rows(longest)} hold values so large that their '
                f'squares are no finite numbers (a length above {_MAX_LENGTH:g}); drop '
                'these frames, or compute or scale their features again'
            )
        if lengths is not None:
            self.row_scale = 1 / np.where(lengths > 0, lengths, 1.0)
        elif self.normalize == 'channel':
            self.column_scale = self._inverse_deviation(shift, total, squares)

    def _inverse_deviation(
        self, shift: np.ndarray, total: np.ndarray, squares: np.ndarray
    ) -> np.ndarray:
        """Return 1 / standard deviation of each column's channel, 0 if it is constant.

        Args:
            shift: (D,) subtracted before summing.
            total: (D,) sum over the rows.
            squares: (D,) sum of squares over the rows.
        """
        channels = self.image_shape[0] if self.image_shape else self.dims
        positions = self.dims // channels
        count = self.size * positions
        # Variance around each position's own mean, plus that of these means.
        mean = total / self.size
        within = np.maximum(squares - self.size * mean**2, 0)
        place = (shift + mean).reshape(channels, positions)
        between = np.square(place - place.mean(axis=1, keepdims=True))
        variance = within.reshape(channels, positions).sum(axis=1)
        variance += self.size * between.sum(axis=1)
        deviation = np.sqrt(variance / max(count - 1, 1))
        # Rounding errors of a constant channel must not be amplified.
        size = np.abs(place).max(axis=1)
        constant = deviation <= 1e-12 * size
        inverse = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
        return np.repeat(inverse, positions)


def check_shape(features: np.ndarray) -> np.ndarray:
    """Return `features` as an array of a supported shape and type.

    Raises:
        UserError: The shape or type is another one, or the array is empty.
    """
    features = np.asanyarray(features)
    if features.ndim not in (2, 4):
        raise UserError(
            'features must have shape (N, D) or (N, C, H, W), got '
            f'{tuple(features.shape)}'
        )
    if features.dtype.kind not in 'fiu' or features.dtype.itemsize > 8:
        raise UserError(
            'features must be float16, float32, float64 or integers, got '
            f'{features.dtype}'
        )
    if 0 in features.shape:
        raise UserError(f'features of shape {tuple(features.shape)}: the pool is empty')
    return features


def check_axes(shape: Sequence[int]) -> list[str]:
    """Tell how features (N, C, H, W) are read, as in '64 channels at 4x8 positions'.

    Args:
        shape: Four numbers.

    Returns:
        That, and a warning if they look like (N, H, W, C): the last axis is far longer
        than the others, as channels are; or it has the 1, 3 or 4 channels of an image,
        and the two before it are sides of one.
    """
    _, channels, height, width = shape
    read = f'{channels} channels at {height}x{width} positions'
    short, long = sorted((channels, height))
    # maps a few positions wide are no more than a few high: (512, 3, 4), (512, 1, 1)
    image = width in (1, 3, 4) and short >= 8 and long <= 4 * short
    doubt = (
        f'warning: the shape {tuple(shape)}, read as (N, C, H, W), looks like '
        '(N, H, W, C): if it is, save features.transpose(0, 3, 1, 2)'
    )
    return [read, doubt] if width >= 4 * long or image else [read]


def _too_large(block: np.ndarray) -> np.ndarray:
    """Return the rows of `block` whose length is too large for sums of squares."""
    if block.dtype != np.float64:  # squares of float32 are finite
        return np.empty(0, np.int64)
    with np.errstate(over='ignore', invalid='ignore'):
        squares = np.einsum('ij,ij->i', block, block)
        return np.flatnonzero(squares > _MAX_LENGTH**2)


def _not_finite(block: np.ndarray) -> np.ndarray:
    """Return the rows of `block` that have a value that is not finite."""
    # Nearly always the sums are enough, without a mask of the block's size.
    with np.errstate(over='ignore', invalid='ignore'):
        suspects = np.flatnonzero(~np.isfinite(block.sum(axis=1)))
    return suspects[~np.isfinite(block[suspects]).all(axis=1)]
