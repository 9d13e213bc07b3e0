"""Patch-wise distance between frames, for features with spatial dimensions."""

import numpy as np

from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.utils.errors import UserError

_BLOCK_BYTES = 16 * 2**20


class PatchDistance:
    """Mean distance from the cells of a chosen frame to the nearest cell of another.

    With cells x_a of a chosen frame i and y_b of a candidate j (a, b over the H * W
    positions, vectors of C channels):  D[i, j] = mean_a min_b |x_a - y_b|.
    It compares what is in the frames, regardless of where it is. Not symmetric.

    The nearest cell is found with products; the distance to it is computed from
    differences, all in float64.

    Args:
        pool: Frames with features (N, C, H, W).

    Raises:
        UserError: For (N, D) features.
    """

    def __init__(self, pool: FeaturePool) -> None:
        if pool.image_shape is None:
            raise UserError(
                "distance='patch' needs features of shape (N, C, H, W), got (N, D)"
            )
        self.pool = pool
        self.channels = pool.image_shape[0]
        cells = pool.dims // self.channels
        # A constant, so that results do not depend on a memory budget.
        self._step = max(1, _BLOCK_BYTES // (8 * (3 * pool.dims + 2 * cells**2)))

    def from_frame(self, row: int) -> np.ndarray:
        """Return the distance from a chosen frame to every frame.

        Args:
            row: The chosen frame i.

        Returns:
            D[i, :], (N,) float64; D[i, i] is 0.
        """
        own = self._cells(self.pool.normalized(np.array([row])))[0]
        # A common offset would cost the products digits.
        shift = own.mean(axis=0)
        own = own - shift
        out = np.empty(self.pool.size)
        for start in range(0, self.pool.size, self._step):
            rows = slice(start, min(start + self._step, self.pool.size))
            others = self._cells(self.pool.normalized(rows)) - shift
            out[rows] = _mean_nearest(own, others)
        out[row] = 0.0
        return out

    def _cells(self, features: np.ndarray) -> np.ndarray:
        """Convert (R, C * H * W) to contiguous (R, H * W, C)."""
        cells = features.reshape(len(features), self.channels, -1)
        return np.ascontiguousarray(cells.transpose(0, 2, 1))


class PatchGreedy:
    """Exact farthest point selection by patch-wise distance.

    Has the interface of `LazyGreedy`.

    Args:
        pool: Frames with features (N, C, H, W).
        eligible: (N,) bool, frames that may be picked.
        bias: (N,) float64, added to a candidate's distance.
    """

    def __init__(
        self, pool: FeaturePool, eligible: np.ndarray, bias: np.ndarray
    ) -> None:
        self.chosen: list[int] = []
        self.nearest: list[int] = []
        self._picked: list[float] = []
        self._between = PatchDistance(pool)
        self._distance = np.full(pool.size, np.inf)
        self._owner = np.zeros(pool.size, np.int64)
        self._free = eligible.copy()
        self._bias = bias
        self.pairs = 0

    def choose(self, row: int, last: bool = False) -> None:
        """Append `row` to the chosen frames; `last`: no more picks will follow."""
        picked = self._free[row]  # not an initial frame
        self.nearest.append(int(self._owner[row]) if picked else -1)
        self._picked.append(self._distance[row] if picked else np.nan)
        self.chosen.append(row)
        self._free[row] = False
        if last:
            return
        new = self._between.from_frame(row)
        nearer = new < self._distance
        self._distance[nearer] = new[nearer]
        self._owner[nearer] = row
        self.pairs += len(new)

    def retire(self, rows: int | np.ndarray) -> None:
        """Remove `rows` from the candidates."""
        self._free[rows] = False

    def retire_nearer(self, distance: float) -> None:
        """Remove the candidates nearer than `distance` to a chosen frame."""
        self._free[self._distance < distance] = False

    def best(self) -> int | None:
        """Return the candidate with the largest distance + bias, lowest row on ties."""
        if not self._free.any():
            return None
        keys = np.where(self._free, self._distance + self._bias, -np.inf)
        return int(keys.argmax())

    def distance(self, row: int) -> float:
        """Return the distance from `row` to the nearest chosen frame."""
        return float(self._distance[row])

    def pick_distances(self) -> np.ndarray:
        """Return the distance of each pick to its `nearest`, or NaN: (K,) float64."""
        return np.array(self._picked)


def _mean_nearest(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the mean over a of min over b of |own_a - others_rb|.

    Args:
        own: (A, C).
        others: (R, B, C).

    Returns:
        (R,).
    """
    # |x|^2 is the same for all b, so it is not needed to find the nearest.
    score = np.square(others).sum(axis=2)[:, None, :] - 2 * (
        own @ others.transpose(0, 2, 1)
    )
    nearest = score.argmin(axis=2)
    out = np.zeros(len(others))
    frames = np.arange(len(others))
    for cell, vector in enumerate(own):
        difference = others[frames, nearest[:, cell]] - vector
        out += np.sqrt(np.square(difference).sum(axis=1))
    return out / len(own)
