"""Farthest point selection that computes only the distances that can matter.

The minimum distance to the chosen frames can only fall as more are chosen. So the
minimum over some of them is an upper bound, and a candidate whose bound is below the
best candidate's minimum cannot be the next pick and is skipped (lazy evaluation;
Minoux, 1978). When its bound becomes one of the highest, it catches up with all picks
it has missed, in one matrix product. This is exact; how much it saves depends on the
data.

Two more things make it fast without changing a pick:

- distances are intervals from float32 products (`Screen`), narrowed to exact values
  where the order depends on them;
- the products among the leading candidates, the "front", are computed at once, because
  the next picks are nearly always among them.

The triangle inequality (skip x if the new picks are all at least twice as far from the
chosen frame nearest to x as x is) was also tried, block by block, and rejected: on
clips of 20 similar frames (N = 2,000) it hardly ever applied to a whole block.
"""

import numpy as np

from mmdepthseg.selection.farthest.front import Front
from mmdepthseg.selection.farthest.minima import Minima
from mmdepthseg.selection.farthest.screening import Screen

#: Bounds of the number of candidates that catch up at once, and of the front.
_MIN_CATCH_UP, _MAX_CATCH_UP = 256, 1024
_MIN_FRONT, _MAX_FRONT = 16, 512
#: Bounds of temporary memory: chosen frames and pairs per product, bytes of vectors.
_MAX_PENDING = 512
_MAX_PAIRS = 2**19
_VECTOR_BYTES = 64 * 2**20


class LazyGreedy:
    """Farthest point selection in progress.

    Args:
        screen: Bounds and exact distances.
        eligible: (N,) bool, frames that may be picked.
        bias: (N,) float64, added to a candidate's distance, in pool units.
        budget: Total number of frames to choose.

    Attributes:
        chosen: Rows in the order of choice.
        nearest: For each of them, the row of the nearest frame chosen before; -1 for
            initial frames.
        seen: (N,) int32, number of chosen frames that a row's minimum accounts for.
            (Rows of a live front account for all.)
        pairs: Number of distances bounded so far, for benchmarks.
    """

    def __init__(
        self, screen: Screen, eligible: np.ndarray, bias: np.ndarray, budget: int
    ) -> None:
        size, dims = screen.pool.size, screen.pool.dims
        self.chosen: list[int] = []
        self.nearest: list[int] = []
        self.seen = np.zeros(size, np.int32)
        self.pairs = 0
        self._screen = screen
        self._rows = np.empty(budget, np.int64)  # `chosen` as an array
        self._minima = Minima(screen, np.arange(size), bias, self._rows)
        self._minima.key_high[~eligible] = -np.inf
        self._catch_up_size = min(_MAX_CATCH_UP, max(_MIN_CATCH_UP, size // 6))
        most = max(1, _VECTOR_BYTES // (4 * dims))
        self._max_pending = min(_MAX_PENDING, most)
        # The distances within a front should cost no more than those of its picks.
        self._max_front = min(_MAX_FRONT, most, max(_MIN_FRONT, size // 8))
        fits = 4 * budget * dims <= _VECTOR_BYTES
        self._vectors = np.empty((budget, dims), np.float32) if fits else None
        self._filled = 0
        # Up to date but outside the front; only the front is kept up to date.
        self._caught_up: list[np.ndarray] = []
        self._front: Front | None = None

    def choose(self, row: int, last: bool = False) -> None:
        """Append `row` to the chosen frames.

        Args:
            row: The pick.
            last: True if no more picks will follow.
        """
        number, front, minima = len(self.chosen), self._front, self._minima
        if front is not None and front.live:  # then `row` belongs to the front
            owner, picked = front.owner(row), True
        else:
            owner = minima.owner[row]
            picked = minima.key_low[row] > -np.inf  # not an initial frame
        self.nearest.append(self.chosen[owner] if picked else -1)
        self._rows[number] = row
        self.chosen.append(row)
        if last:
            return
        if picked:
            if front is None or row not in front.place:
                front = self._open_front(row)
            if not front.live:
                front.enter(minima)
            front.take(row, number)
        else:
            minima.retire(row)
        for rows in self._caught_up:  # they have missed this pick
            minima.key_low[rows] = -np.inf
        self._caught_up.clear()
        if number == 0:
            # From now on every candidate has a bound.
            self._catch_up(np.flatnonzero(minima.key_high > -np.inf))

    def retire(self, rows: int | np.ndarray) -> None:
        """Remove `rows` from the candidates."""
        self._leave_front()
        self._minima.retire(rows)

    def retire_nearer(self, distance: float) -> None:
        """Remove the candidates certainly nearer than `distance` to a chosen frame."""
        self._leave_front()
        near = np.sqrt(self._minima.high) * self._screen.unit < distance
        self._minima.retire(near)

    def best(self) -> int | None:
        """Return the candidate with the largest distance + bias, lowest row on ties.

        Returns None if nothing can be picked.
        """
        if self._front is not None and self._front.live:
            row = self._front.best()
            if row is not None:
                return row
            self._leave_front()
        minima = self._minima
        low, high = minima.key_low, minima.key_high
        while True:
            row = int(low.argmax())
            rivals = np.flatnonzero(high >= low[row])
            rivals = rivals[high[rivals] > -np.inf]
            if len(rivals) == 0:
                return None
            if (self.seen[rivals] < len(self.chosen)).any():
                self._catch_up(self._leading_stale())
                continue
            unsure = minima.refine(rivals)
            if len(unsure) == 0:
                return row
            minima.set_keys(unsure)

    def distance(self, row: int) -> float:
        """Return the exact distance from a result of `best` to its nearest pick."""
        self._leave_front()
        self._minima.set_keys(self._minima.refine(np.array([row])))
        return float(np.sqrt(self._minima.high[row]) * self._screen.unit)

    def pick_distances(self) -> np.ndarray:
        """Return the exact distance of each pick to its `nearest`, or NaN: (K,)."""
        nearest, rows = np.array(self.nearest), np.array(self.chosen)
        out = np.full(len(rows), np.nan)
        known = nearest >= 0
        squared = self._screen.pool.exact_squared(nearest[known], rows[known])
        out[known] = np.sqrt(squared)
        return out

    def _leading(self, count: int) -> np.ndarray:
        """Return the `count` candidates with the highest bounds, in ascending order."""
        keys = self._minima.key_high
        if len(keys) <= count:
            leaders = np.arange(len(keys))
        else:
            leaders = np.sort(np.argpartition(keys, -count)[-count:])
        return leaders[keys[leaders] > -np.inf]

    def _leading_stale(self) -> np.ndarray:
        """Return the leading candidates that missed picks, at least one if any did."""
        stale = np.where(self.seen < len(self.chosen), self._minima.key_high, -np.inf)
        count = min(self._catch_up_size, len(stale))
        # Candidates below the range of the leaders are not needed yet.
        leaders = self._leading(2 * self._catch_up_size)
        floor = min(self._minima.key_high[leaders].min(), stale.max())
        rows = np.argpartition(stale, -count)[-count:]
        rows = rows[(stale[rows] >= floor) & (stale[rows] > -np.inf)]
        return np.sort(rows)

    def _open_front(self, row: int) -> Front:
        """Compute all distances among `row` and the leading candidates."""
        picks = 0 if self._front is None else self._front.picks
        self._leave_front()
        wanted = max(_MIN_FRONT, 4 * picks)
        front = self._leading(min(wanted, self._max_front))
        front = front[self.seen[front] == len(self.chosen) - 1]
        if row not in front:
            front = np.sort(np.append(front, row))
        self._minima.key_low[:] = -np.inf
        self._caught_up.clear()
        self._minima.set_keys(front)
        self._front = Front(self._screen, front, self._minima)
        self.pairs += len(front) ** 2
        return self._front

    def _leave_front(self) -> None:
        """Copy the minima of a live front back."""
        if self._front is not None and self._front.live:
            self._front.leave(self._minima)
            self.seen[self._front.rows] = len(self.chosen)

    def _catch_up(self, rows: np.ndarray) -> None:
        """Update `rows` with all chosen frames that they have missed."""
        # Rows that have missed about the same picks share a product.
        rows = rows[np.argsort(self.seen[rows], kind='stable')]
        while len(rows):
            begin = int(self.seen[rows[0]])
            limit = begin + (len(self.chosen) - begin) // 4
            count = int(np.searchsorted(self.seen[rows], limit, side='right'))
            pending = min(len(self.chosen) - begin, self._max_pending)
            part, rows = np.split(rows, [min(count, max(1, _MAX_PAIRS // pending))])
            for first in range(begin, len(self.chosen), self._max_pending):
                last = min(first + self._max_pending, len(self.chosen))
                places = np.arange(first, last)
                self._compare(places, part)
            self.seen[part] = len(self.chosen)
            self._minima.set_keys(part)
            self._caught_up.append(part)

    def _compare(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Update the minima of `rows` with the chosen frames at `places`."""
        low, high = self._bounds(places, rows)
        seen = self.seen[rows]
        some = np.searchsorted(places, seen.max())  # seen by at least one of the rows
        if some:
            known = places[:some] < seen[:, None]
            np.copyto(low[:, :some], np.inf, where=known)
            np.copyto(high[:, :some], np.inf, where=known)
        self._merge(places, rows, low, high)

    def _bounds(
        self, places: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return `Screen.bounds` of the chosen frames at `places`."""
        batch = self._rows[places]
        if self._vectors is not None:
            new = slice(self._filled, len(self.chosen))
            if new.start < new.stop:
                self._screen.vectors(self._rows[new], out=self._vectors[new])
                self._filled = new.stop
            vectors = self._vectors[places[0] : places[-1] + 1]
        else:
            vectors = self._screen.vectors(batch)
        self.pairs += len(places) * len(rows)
        return self._screen.bounds(batch, vectors, rows)

    def _merge(
        self, places: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> None:
        """Merge new intervals into the minima of `rows`.

        Args:
            places: (B,) places in `chosen`.
            rows: (R,) rows.
            low: (R, B) lower bounds of squared distances.
            high: (R, B) upper bounds.
        """
        minima = self._minima
        rivals = (low.min(axis=1) < minima.high[rows]).nonzero()[0]
        if len(rivals) == 0:
            return
        if len(rivals) < len(rows):
            rows, low, high = rows[rivals], low[rivals], high[rivals]
        index = np.arange(len(rows))
        winner = high.argmin(axis=1)
        best_low, best_high = low[index, winner], high[index, winner]
        low[index, winner] = np.inf
        clear = (best_high < low.min(axis=1)) & (best_high < minima.low[rows])
        low[index, winner] = best_low
        minima.put(
            rows[clear], best_low[clear], best_high[clear], places[winner[clear]]
        )
        if not clear.all():
            unclear = ~clear
            rows = rows[unclear]
            least = np.minimum(best_high[unclear], minima.high[rows])
            minima.merge_exactly(places, rows, low[unclear] <= least[:, None])
