"""Rows of the distance matrix, computed for several likely picks at once.

One row after the other is a matrix-vector product: all features are read for each
pick, and memory (or the disk, or the conversion from float16) sets the pace. A pick
is hardly ever a surprise, though: it is one of the candidates that led before. So
when the row of a pick is not there, the rows of the likely next picks are computed
in the same pass, as a matrix product. Guesses cost time when wrong, never exactness.

Frames whose minimum cannot change are left out of the pass (exact): a frame x with
nearest chosen frame o at distance m stays as it is if the new frame p is at least
2 m from o, since d(p, x) >= d(p, o) - d(o, x) >= m. In clips, where most frames have
a chosen one close by, that is nearly all of them.
"""

import numpy as np

from .running_minimum import RunningMinimum
from .screening import Screen

#: Candidates among which the next picks are guessed.
_POOL = 2048
#: A frame this much nearer to a guessed pick (by sketch) than to any chosen one is
#: taken for its neighbour, which then drops behind.
_NEIGHBOUR = 0.7
_MIN_BATCH = 4
_MIN_PRUNING_DIMS = 64
_PAUSE = 4


class Lookahead:
    """Products of picks with all frames, a batch ahead.

    Args:
        screen: makes the products.
        state: the candidates and how far they are.
        bias: (N,) added to a candidate's distance.
        capacity: rows held at most; N for the whole matrix.
        batch: rows computed at most in one pass.

    Attributes:
        passes, computed, pruned: passes made, rows computed, and the share of
            products left out in all passes (sum over passes), for benchmarks.
    """

    def __init__(
        self,
        screen: Screen,
        state: RunningMinimum,
        bias: np.ndarray,
        capacity: int,
        batch: int,
    ) -> None:
        self._screen, self._state, self._bias = screen, state, bias
        self._capacity, self._batch = capacity, batch
        self._rows: dict[int, np.ndarray] = {}
        self._pause = 0
        self.passes, self.computed, self.pruned = 0, 0, 0.0

    def take(self, row: int, planned: np.ndarray, remaining: int) -> np.ndarray:
        """Products of ``row`` with all frames that may still change.

        Args:
            row: the pick; must not be among the chosen yet.
            planned: picks known to follow (rest of an initial set).
            remaining: how many picks are still wanted, this one included.

        Returns:
            (N,) float32, -inf where the frame's minimum surely stays.
        """
        if row not in self._rows:
            self._compute(row, planned, remaining)
        return self._rows.pop(row)

    def _compute(self, row: int, planned: np.ndarray, remaining: int) -> None:
        chosen = len(self._state.chosen)
        count = min(self._batch, max(_MIN_BATCH, chosen), remaining)
        if len(planned):
            batch = np.concatenate([[row], planned[: self._batch - 1]])
        elif chosen:
            batch = self._guess(row, count)
        else:
            batch = np.array([row])
        needed = self._needed(batch)
        products = self._screen.products(batch, needed)
        self._make_room(len(batch))
        self._rows.update(zip(batch.tolist(), products, strict=True))
        self.passes += 1
        self.computed += len(batch)

    def _guess(self, row: int, count: int) -> np.ndarray:
        """``row`` and the likely picks after it: farthest point on sketches."""
        keys = self._state.key_high.copy()
        keys[list(self._rows)] = -np.inf
        keys[row] = np.inf
        if len(keys) > _POOL:
            leaders = np.argpartition(keys, -_POOL)[-_POOL:]
        else:
            leaders = np.arange(len(keys))
        leaders = leaders[keys[leaders] > -np.inf]
        bias = self._bias[leaders]
        sketch = self._screen.sketch[leaders]
        distance = keys[leaders] - bias
        free = np.ones(len(leaders), bool)
        guesses = []
        for _ in range(min(count, len(leaders))):
            best = int(np.where(free, distance + bias, -np.inf).argmax())
            guesses.append(leaders[best])
            free[best] = False
            difference = sketch - sketch[best]
            near = np.sqrt(np.einsum('ij,ij->i', difference, difference))
            near = near * self._screen.unit
            close = near < _NEIGHBOUR * distance
            distance[close] = near[close]
        return np.array(guesses)

    def _needed(self, batch: np.ndarray) -> np.ndarray | None:
        """Frames whose minimum one of ``batch`` could change; None for all."""
        state = self._state
        small = self._screen.pool.dims < _MIN_PRUNING_DIMS
        if small or len(state.chosen) == 0 or self._pause > 0:
            self._pause = max(0, self._pause - 1)
            return None
        least = self._screen.least_distance(batch, np.asarray(state.chosen))
        # The margin keeps the rounding of exact distances out of the argument.
        reach = 2 * (1 + 1e-9) * np.sqrt(state.high)
        changing = (least[state.owner] < reach) & (state.key_low > -np.inf)
        share = np.count_nonzero(changing) / len(changing)
        if share > 0.9:
            self._pause = _PAUSE
        if share > 0.7:  # reading all in order is cheaper than picking rows out
            return None
        self.pruned += 1 - share
        return np.flatnonzero(changing)

    def _make_room(self, count: int) -> None:
        """Drop the rows of the least likely picks until ``count`` more fit."""
        excess = len(self._rows) + count - self._capacity
        if excess > 0:
            held = np.array(list(self._rows))
            order = np.argsort(self._state.key_high[held], kind='stable')
            for row in held[order[:excess]].tolist():
                del self._rows[row]
