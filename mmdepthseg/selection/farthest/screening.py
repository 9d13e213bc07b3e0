"""Squared distances by float32 matrix products, with a bound on their error.

A product is many times cheaper than differences, but |x|^2 + |y|^2 - 2 x.y loses the
difference of nearly equal frames. So products only *exclude* candidates here: each
squared distance is given as an interval that is certain to contain it, and
`FeaturePool.exact_squared` gives the exact value where it is needed.

Error bound (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 3.1):
a float32 inner product of n terms, summed in any order, is within
n u / (1 - n u) |x| |y| of the true one, u = 2^-24. Summing in chunks of c columns
reduces the D terms to c + D / c. Norms are computed in float64. With 3 roundings per
element of `FeaturePool.screening_rows` (12 u (|x|^2 + |y|^2) on the squared distance)
and a few more for the additions here:

    | d_screened^2 - d^2 |  <=  1.05 (c + D / c + 24) u (|x|^2 + |y|^2)
"""

import math
from collections.abc import Callable

import numpy as np

from mmdepthseg.selection.features import BLOCK_BYTES, FeaturePool
from mmdepthseg.utils.errors import UserError

#: Function of float32 blocks (B, D), (R, D) -> (B, R); see `chunked_product`.
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]

UNIT_ROUNDOFF = 2.0**-24
#: Allowance for products that underflow, relative to the length of a typical frame.
UNDERFLOW = 1e-30
CHUNK = 256
_SAMPLE = 256
_MAX_SQUARED_LENGTH = 1e30


def relative_error(dims: int) -> float:
    """Return kappa of the bound |error of d^2| <= kappa (|x|^2 + |y|^2)."""
    return 1.05 * (CHUNK + math.ceil(dims / CHUNK) + 24) * UNIT_ROUNDOFF


def chunked_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return left @ right.T in float32, summed over chunks of `CHUNK` columns.

    Args:
        left: (B, D) float32.
        right: (R, D) float32.

    Returns:
        (B, R) float32.
    """
    total = left[:, :CHUNK] @ right[:, :CHUNK].T
    part = np.empty_like(total)
    for start in range(CHUNK, left.shape[1], CHUNK):
        columns = slice(start, start + CHUNK)
        np.matmul(left[:, columns], right[:, columns].T, out=part)
        total += part
    return total


class Screen:
    """Centred and scaled float32 copy of a pool, and its products.

    The unit here is a power of two of the pool's unit, so that a typical frame has
    a length of about 1 and nothing overflows. Powers of two cause no rounding.

    Args:
        pool: The frames.
        keep: Keep the float32 rows in memory (N * D * 4 bytes) instead of computing
            them for each product.
        product: Multiplies two blocks; `chunked_product` or its version on a GPU.

    Attributes:
        unit: Length of the unit here in units of the pool.
        kappa: Factor of the error bound.
        squared_length: (N,) float64.
        block_rows: Number of frames per product; they fit into a few MiB.
    """

    def __init__(
        self,
        pool: FeaturePool,
        keep: bool = False,
        product: Product = chunked_product,
    ) -> None:
        self.pool = pool
        self.block_rows = pool.block_rows
        self.kappa = relative_error(pool.dims)
        self._product = product
        self._center, self._scale, self.unit = self._choose_center()
        self._kept = np.empty((pool.size, pool.dims), np.float32) if keep else None
        self._buffer = np.empty((pool.block_rows, pool.dims), np.float32)
        self.squared_length = np.empty(pool.size)
        self._measure()

    def vectors(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return a copy of float32 rows, (R, D), in `out` if given."""
        if out is None:
            out = np.empty((len(rows), self.pool.dims), np.float32)
        if self._kept is not None:
            return np.take(self._kept, rows, axis=0, out=out, mode='clip')
        # In steps: the computation takes several times the memory of the result.
        for start in range(0, len(rows), self.block_rows):
            part = slice(start, start + self.block_rows)
            self.pool.screening_rows(rows[part], self._center, self._scale, out[part])
        return out

    def bounds(
        self, batch: np.ndarray, vectors: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return intervals of squared distances between a batch and other frames.

        Args:
            batch: (B,) row indices.
            vectors: (B, D) their `vectors`.
            rows: (R,) row indices.

        Returns:
            Lower and upper bounds, (R, B) float64 each, squared units of this screen.
        """
        middle = np.empty((len(rows), len(batch)))
        for start in range(0, len(rows), self.block_rows):
            part = slice(start, start + self.block_rows)
            middle[part] = self._product(self._rows(rows[part]), vectors)
        own = self.squared_length[rows][:, None]
        lengths = own + self.squared_length[batch]
        middle *= -2.0
        middle += lengths
        lengths *= self.kappa
        lengths += UNDERFLOW
        low = middle - lengths
        return np.maximum(low, 0.0, out=low), np.add(middle, lengths, out=middle)

    def exact_squared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return `FeaturePool.exact_squared` in squared units of this screen."""
        return self.pool.exact_squared(first, second) / self.unit**2

    def _choose_center(self) -> tuple[np.ndarray, np.ndarray | float, float]:
        """Return centre (D,), factor and unit, estimated from evenly spaced frames.

        Any centre is correct; near the mean, lengths and therefore errors are small.
        """
        pool = self.pool
        scale = 1.0 if pool.column_scale is None else pool.column_scale
        center = np.zeros(pool.dims, np.float32)
        if pool.row_scale is not None:
            return center, 1.0, 1.0
        count = min(_SAMPLE, pool.size, max(1, BLOCK_BYTES // (8 * pool.dims)))
        rows = np.linspace(0, pool.size - 1, count).astype(np.int64)
        sample = pool.array[np.unique(rows)].astype(np.float64)
        limit = np.finfo(np.float32).max
        center[:] = np.clip(sample.mean(axis=0), -limit, limit)
        sample -= center
        sample *= scale
        length = float(np.sqrt(np.square(sample).sum(axis=1).mean()))
        unit = 2.0 ** round(math.log2(length)) if length > 0 else 1.0
        return center, scale / unit, unit

    def _measure(self) -> None:
        """Compute the lengths and, if wanted, the rows to keep, in one pass."""
        for rows in self.pool.blocks():
            block = self._make(rows)
            if self._kept is not None:
                self._kept[rows] = block
            self.squared_length[rows] = _squared_length(block)
        far = np.flatnonzero(~(self.squared_length <= _MAX_SQUARED_LENGTH))
        if len(far):
            raise UserError(
                f'features: row {far[0]} is more than 1e15 times farther from the '
                'centre than a typical frame; check it, or use another `normalize`'
            )

    def _make(self, rows: np.ndarray | slice) -> np.ndarray:
        """Compute float32 rows, in the shared buffer if they fit into it."""
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        out = self._buffer if count <= len(self._buffer) else None
        return self.pool.screening_rows(rows, self._center, self._scale, out)

    def _rows(self, rows: np.ndarray | slice) -> np.ndarray:
        return self._make(rows) if self._kept is None else self._kept[rows]


def _squared_length(block: np.ndarray) -> np.ndarray:
    """Return the sum of squares of each float32 row in float64, in small blocks."""
    out = np.empty(len(block))
    step = max(1, 2**17 // block.shape[1])
    for start in range(0, len(block), step):
        part = block[start : start + step].astype(np.float64)
        out[start : start + step] = np.square(part, out=part).sum(axis=1)
    return out
