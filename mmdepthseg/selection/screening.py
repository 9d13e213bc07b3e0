"""Squared distances by float32 matrix products, with a bound on their error.

A product is many times cheaper than differences, but |x|^2 + |y|^2 - 2 x.y loses
what near-equal frames differ in. So a product is used here to *exclude* only: each
squared distance comes as an interval that surely holds it, and whoever must know
more asks `FeaturePool.exact_squared`.

Error bound (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 3.1):
a float32 inner product of n terms, summed in any order, is within
n u / (1 - n u) |x| |y| of the true one, u = 2^-24. Summing in chunks of c columns
makes that c + D / c instead of D terms. Norms come from float64. With 3 roundings
per element of `FeaturePool.screening_rows` (12 u (|x|^2 + |y|^2) on the squared
distance) and a few more for what is added here:

    | d_screened^2 - d^2 |  <=  1.05 (c + D / c + 24) u (|x|^2 + |y|^2)
"""

import math
from collections.abc import Callable

import numpy as np

from .features import BLOCK_BYTES, FeaturePool

#: Multiplies two float32 blocks, (B, D) and (R, D), to (B, R); see `chunked_product`.
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]

UNIT_ROUNDOFF = 2.0**-24
#: For products that underflow: units are those of a typical frame's length.
UNDERFLOW = 1e-30
CHUNK = 256
_SAMPLE = 256
_MAX_SQUARED_LENGTH = 1e30


def relative_error(dims: int) -> float:
    """Kappa of the bound: |error of d^2| <= kappa (|x|^2 + |y|^2)."""
    return 1.05 * (CHUNK + math.ceil(dims / CHUNK) + 24) * UNIT_ROUNDOFF


def chunked_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Left @ right.T in float32, summed over chunks of `CHUNK` columns.

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
    """Centred, scaled float32 view of a pool, and its products.

    Units here are powers of two of the pool's (`unit`), so that a typical frame has
    length 1 and nothing overflows; a power of two costs no rounding.

    Args:
        pool: the frames.
        keep: hold the float32 rows in memory (N * D * 4 bytes) instead of making
            them again for each product.
        sketch_dims: length q of the random projection of each frame, see `sketch`.
        product: multiplies two blocks; `chunked_product` or one on a GPU.

    Attributes:
        unit: pool units per unit here.
        kappa: the error bound's factor.
        squared_length: (N,) float64.
        sketch: (N, q) float32; distances between sketches are those between frames
            within 1 / sqrt(2 q) (Johnson-Lindenstrauss). For guesses only.
    """

    def __init__(
        self,
        pool: FeaturePool,
        keep: bool = False,
        sketch_dims: int = 16,
        product: Product = chunked_product,
    ) -> None:
        self.pool = pool
        self.kappa = relative_error(pool.dims)
        self._product = product
        self._center, self._scale, self.unit = self._choose_center()
        self._kept = np.empty((pool.size, pool.dims), np.float32) if keep else None
        self._buffer = np.empty((pool.block_rows, pool.dims), np.float32)
        self.squared_length = np.empty(pool.size)
        self.sketch = np.empty((pool.size, sketch_dims), np.float32)
        self._measure()

    def products(
        self, batch: np.ndarray, rows: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Inner products of each frame of ``batch`` with the frames ``rows``.

        Args:
            batch: (B,) row indices.
            rows: (R,) row indices, ascending; None for all.

        Returns:
            B arrays (N,) float32; -inf ("infinitely far") where not in ``rows``.
        """
        left = self._rows(batch).copy()
        out = [np.full(self.pool.size, -np.inf, np.float32) for _ in batch]
        for part in self._parts(rows):
            product = self._product(left, self._rows(part))
            for target, values in zip(out, product, strict=True):
                target[part] = values
        return out

    def least_distance(self, batch: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Lower bound of the distance from each of ``rows`` to the nearest of a batch.

        Args:
            batch: (B,) row indices.
            rows: (R,) row indices.

        Returns:
            (R,) float64.
        """
        left = self._rows(batch).copy()
        own = self.squared_length[batch][:, None]
        out = np.empty(len(rows))
        step = self.pool.block_rows
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            product = self._product(left, self._rows(rows[part]))
            lengths = own + self.squared_length[rows[part]]
            lowest = (1 - self.kappa) * lengths - 2.0 * product - UNDERFLOW
            out[part] = lowest.min(axis=0)
        return np.sqrt(np.maximum(out, 0))

    def bounds(
        self, row: int, others: np.ndarray, products: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Intervals of squared distances from ``row`` to ``others``.

        Args:
            row: one row index.
            others: (R,) row indices.
            products: (R,) their products with ``row``.

        Returns:
            Lower and upper bounds, (R,) float64 each, units of this screen, squared.
        """
        lengths = self.squared_length[row] + self.squared_length[others]
        middle = lengths - 2.0 * products
        error = self.kappa * lengths + UNDERFLOW
        return np.maximum(middle - error, 0.0), middle + error

    def exact_squared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """`FeaturePool.exact_squared` in units of this screen, squared."""
        return self.pool.exact_squared(first, second) / self.unit**2

    def _choose_center(self) -> tuple[np.ndarray, np.ndarray | float, float]:
        """Centre (D,), factor and unit, from evenly spread frames.

        Any centre is right; near the mean, lengths and with them errors are small.
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
        """One pass: lengths, sketches and, if wanted, the kept rows."""
        pool = self.pool
        random = np.random.RandomState(0)
        directions = random.standard_normal((pool.dims, self.sketch.shape[1]))
        directions = (directions / math.sqrt(self.sketch.shape[1])).astype(np.float32)
        for rows in pool.blocks():
            block = self._make(rows)
            if self._kept is not None:
                self._kept[rows] = block
            self.sketch[rows] = block @ directions
            self.squared_length[rows] = _squared_length(block)
        far = np.flatnonzero(~(self.squared_length <= _MAX_SQUARED_LENGTH))
        if len(far):
            raise ValueError(
                f'features: row {far[0]} is more than 1e15 times farther from the '
                'centre than a typical frame; check it, or use another normalize.'
            )

    def _make(self, rows: np.ndarray | slice) -> np.ndarray:
        """Fresh float32 rows, in the one buffer when they fit into it."""
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        out = self._buffer if count <= len(self._buffer) else None
        return self.pool.screening_rows(rows, self._center, self._scale, out)

    def _rows(self, rows: np.ndarray | slice) -> np.ndarray:
        return self._make(rows) if self._kept is None else self._kept[rows]

    def _parts(self, rows: np.ndarray | None) -> list[slice] | list[np.ndarray]:
        """``rows`` in blocks; slices when it is all."""
        if rows is None:
            return list(self.pool.blocks())
        step = self.pool.block_rows
        return [rows[k : k + step] for k in range(0, len(rows), step)]


def _squared_length(block: np.ndarray) -> np.ndarray:
    """Sum of squares of each float32 row in float64, a few rows at a time."""
    out = np.empty(len(block))
    step = max(1, 2**17 // block.shape[1])
    for start in range(0, len(block), step):
        part = block[start : start + step].astype(np.float64)
        out[start : start + step] = np.square(part, out=part).sum(axis=1)
    return out
