"""Farthest point without the distance matrix: distances only where they can matter.

A minimum over chosen frames can only fall as more are chosen. So what is known of a
candidate from some of them bounds its minimum from above, and a candidate whose bound
is below the best one's minimum cannot be the next pick: it need not be looked at
(lazy evaluation; Minoux, 1978). It catches up with the picks it has missed when its
bound comes to the front, for all of them in one matrix product. This is exact; how
much it saves depends on the data.

Two more things make it fast, neither of which changes a pick:

- distances are intervals from float32 products (`Screen`), narrowed to exact values
  where the order depends on it;
- the products among the leading candidates, the "front", are computed at once, since
  the next picks are nearly always among them.

The triangle inequality (skip x when the new picks are all at least twice as far from
the nearest chosen frame of x as x is) was tried on top, block by block, and left out:
on clips of 20 similar frames (N = 2,000) it hardly ever applied to a whole block.
"""

import numpy as np

from .screening import Screen

#: Candidates that catch up at once, a sixth of the pool, and size of the front.
_MIN_CATCH_UP, _MAX_CATCH_UP = 256, 1024
_MIN_FRONT, _MAX_FRONT = 16, 512
#: What bounds temporary memory: chosen frames and pairs per product.
_MAX_PENDING = 512
_MAX_PAIRS = 2**19
_VECTOR_BYTES = 64 * 2**20


class LazyGreedy:
    """State of a farthest point selection.

    Args:
        screen: bounds and exact distances.
        eligible: (N,) bool, what may be picked.
        bias: (N,) float64, added to a candidate's distance, in pool units.
        budget: frames to be chosen in all.

    Attributes:
        chosen: rows in order of choice.
        nearest: for each, the row of the nearest frame chosen before; -1 for those
            that were given.
        low, high: (N,) float64, interval of the squared distance to the nearest of
            the first ``seen`` chosen frames, units of the screen; inf for none.
        owner: (N,) int32, place in ``chosen`` of that nearest frame.
        seen: (N,) int32, how many chosen frames have been taken into account.
        key_high: (N,) float64, upper bound of distance + bias, pool units; -inf for
            what may not be picked (any more).
        key_low: (N,) float64, lower bound, if ``seen`` is all; else -inf.
        pairs: distances bounded so far, for benchmarks.
    """

    def __init__(
        self, screen: Screen, eligible: np.ndarray, bias: np.ndarray, budget: int
    ) -> None:
        size, dims = screen.pool.size, screen.pool.dims
        self.chosen: list[int] = []
        self.nearest: list[int] = []
        self.low = np.full(size, np.inf)
        self.high = np.full(size, np.inf)
        self.owner = np.zeros(size, np.int32)
        self.seen = np.zeros(size, np.int32)
        self.key_high = np.where(eligible, np.inf, -np.inf)
        self.key_low = np.full(size, -np.inf)
        self.pairs = 0
        self._screen, self._bias = screen, bias
        self._rows = np.empty(budget, np.int64)  # ``chosen`` as an array
        self._catch_up_size = min(_MAX_CATCH_UP, max(_MIN_CATCH_UP, size // 6))
        most = max(1, _VECTOR_BYTES // (4 * dims))
        self._max_pending = min(_MAX_PENDING, most)
        # The square of a front should not cost more than all distances of its picks.
        self._max_front = min(_MAX_FRONT, most, max(_MIN_FRONT, size // 8))
        fits = 4 * budget * dims <= _VECTOR_BYTES
        self._vectors = np.empty((budget, dims), np.float32) if fits else None
        self._filled = 0
        # Up to date, but outside the front, which alone is kept so.
        self._caught_up: list[np.ndarray] = []
        self._front = np.empty(0, np.int64)
        self._place: dict[int, int] = {}
        self._front_low = self._front_high = np.empty((0, 0))
        self._front_picks = 0

    def choose(self, row: int, last: bool = False) -> None:
        """Append ``row`` to the chosen.

        Args:
            row: the pick.
            last: True if no more picks will be asked for.
        """
        place = self._place.get(row)
        picked = self.key_low[row] > -np.inf  # not one of those given
        self.nearest.append(self.chosen[self.owner[row]] if picked else -1)
        self._rows[len(self.chosen)] = row
        self.chosen.append(row)
        if last:
            return
        if picked and place is None:
            self._open_front(row)
            place = self._place[row]
        self.retire(row)
        for rows in self._caught_up:  # they have missed this one
            self.key_low[rows] = -np.inf
        self._caught_up.clear()
        if len(self.chosen) == 1:
            # Everybody has a bound from here on.
            self._catch_up(np.flatnonzero(self.key_high > -np.inf))
        elif picked:
            self._front_picks += 1
            self._advance_front(place)

    def retire(self, rows: int | np.ndarray) -> None:
        """``rows`` may not be picked any more."""
        self.key_low[rows] = self.key_high[rows] = -np.inf
        self.low[rows] = self.high[rows] = 0.0  # nothing is nearer: no more updates

    def retire_nearer(self, distance: float) -> None:
        """Retire the candidates surely nearer than ``distance`` to a chosen frame."""
        self.retire(np.sqrt(self.high) * self._screen.unit < distance)

    def best(self) -> int | None:
        """The candidate of largest distance + bias, the lowest row on ties.

        None if nothing can be picked.
        """
        while True:
            row = int(self.key_low.argmax())
            top = self.key_low[row]
            rivals = self.key_high >= top
            if top > -np.inf and np.count_nonzero(rivals) == 1:
                return row
            rivals = np.flatnonzero(rivals)
            rivals = rivals[self.key_high[rivals] > -np.inf]
            if len(rivals) == 0:
                return None
            if (self.seen[rivals] < len(self.chosen)).any():
                self._catch_up(self._leading_stale())
                continue
            unsure = rivals[self.low[rivals] < self.high[rivals]]
            if len(unsure) == 0:
                return row
            self._refine(unsure)

    def distance(self, row: int) -> float:
        """Exact distance from what `best` returned to the nearest chosen frame."""
        self._refine(np.array([row]))
        return float(np.sqrt(self.high[row]) * self._screen.unit)

    def pick_distances(self) -> np.ndarray:
        """Exact distance of each pick to its `nearest`; NaN without: (K,) float64."""
        nearest, rows = np.array(self.nearest), np.array(self.chosen)
        out = np.full(len(rows), np.nan)
        known = nearest >= 0
        squared = self._screen.pool.exact_squared(nearest[known], rows[known])
        out[known] = np.sqrt(squared)
        return out

    def _leading(self, count: int) -> np.ndarray:
        """The ``count`` candidates of highest bound, ascending rows."""
        keys = self.key_high
        if len(keys) <= count:
            leaders = np.arange(len(keys))
        else:
            leaders = np.sort(np.argpartition(keys, -count)[-count:])
        return leaders[keys[leaders] > -np.inf]

    def _leading_stale(self) -> np.ndarray:
        """Leading candidates that have missed picks; at least one if there are any."""
        stale = np.where(self.seen < len(self.chosen), self.key_high, -np.inf)
        count = min(self._catch_up_size, len(stale))
        # Of those below the leaders' range nothing is needed yet.
        leaders = self._leading(2 * self._catch_up_size)
        floor = min(self.key_high[leaders].min(), stale.max())
        rows = np.argpartition(stale, -count)[-count:]
        rows = rows[(stale[rows] >= floor) & (stale[rows] > -np.inf)]
        return np.sort(rows)

    def _open_front(self, row: int) -> None:
        """Compute all distances among ``row`` and the leading candidates."""
        wanted = max(_MIN_FRONT, 4 * self._front_picks)
        front = self._leading(min(wanted, self._max_front))
        self._front_picks = 0
        front = front[self.seen[front] == len(self.chosen) - 1]
        self._front = np.union1d(front, [row])
        self._place = {row: place for place, row in enumerate(self._front.tolist())}
        self.key_low[:] = -np.inf
        self._caught_up.clear()
        self._set_keys(self._front)
        vectors = self._screen.vectors(self._front)
        self._front_low, self._front_high = self._screen.bounds(
            self._front, vectors, self._front
        )
        self.pairs += len(self._front) ** 2

    def _advance_front(self, place: int) -> None:
        """Take the last pick, at ``place`` of the front, into account for all of it."""
        front, low = self._front, self._front_low[place]
        nearer = (low < self.high[front]).nonzero()[0]
        if len(nearer):
            rows, low = front[nearer], low[nearer]
            high = self._front_high[place, nearer]
            clear = high < self.low[rows]
            if not clear.all():
                unclear = rows[~clear]
                last = np.array([len(self.chosen) - 1])
                self._merge_exactly(last, unclear, np.ones((1, len(unclear)), bool))
                self._set_keys(unclear)
                rows, low, high = rows[clear], low[clear], high[clear]
            self.low[rows], self.high[rows] = low, high
            self.owner[rows] = len(self.chosen) - 1
            self._set_keys(rows)
        self.seen[front] = len(self.chosen)

    def _catch_up(self, rows: np.ndarray) -> None:
        """Take all chosen frames into account that ``rows`` have missed."""
        # Those who missed about the same picks together, neighbours in time together.
        rows = rows[np.argsort(self.seen[rows], kind='stable')]
        while len(rows):
            begin = int(self.seen[rows[0]])
            limit = begin + (len(self.chosen) - begin) // 4
            count = np.searchsorted(self.seen[rows], limit, side='right')
            pending = min(len(self.chosen) - begin, self._max_pending)
            part, rows = np.split(rows, [min(count, max(1, _MAX_PAIRS // pending))])
            for first in range(begin, len(self.chosen), self._max_pending):
                last = min(first + self._max_pending, len(self.chosen))
                places = np.arange(first, last)
                self._compare(places, part)
            self._finish(part)
            self._caught_up.append(part)

    def _compare(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Bring the chosen frames at ``places`` into the minima of ``rows``."""
        low, high = self._bounds(places, rows)
        seen = self.seen[rows]
        if places[0] < seen.max():
            known = places[:, None] < seen
            np.copyto(low, np.inf, where=known)
            np.copyto(high, np.inf, where=known)
        self._merge(places, rows, low, high)

    def _bounds(
        self, places: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`Screen.bounds` from chosen frames."""
        batch = self._rows[places]
        if self._vectors is not None:
            new = slice(self._filled, len(self.chosen))
            if new.start < new.stop:
                self._vectors[new] = self._screen.vectors(self._rows[new])
                self._filled = new.stop
            vectors = self._vectors[places[0] : places[-1] + 1]
        else:
            vectors = self._screen.vectors(batch)
        self.pairs += len(places) * len(rows)
        return self._screen.bounds(batch, vectors, rows)

    def _merge(
        self, places: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> None:
        """Minimum of what is known of ``rows`` and new intervals.

        Args:
            places: (B,) places in ``chosen``.
            rows: (R,) rows.
            low: (B, R) lower bounds of squared distances.
            high: (B, R) upper bounds.
        """
        rivals = low.min(axis=0) < self.high[rows]
        if not rivals.any():
            return
        rows, low, high = rows[rivals], low[:, rivals], high[:, rivals]
        columns = np.arange(len(rows))
        winner = high.argmin(axis=0)
        best_low, best_high = low[winner, columns], high[winner, columns]
        low[winner, columns] = np.inf
        clear = (best_high < low.min(axis=0)) & (best_high < self.low[rows])
        low[winner, columns] = best_low
        self.low[rows[clear]] = best_low[clear]
        self.high[rows[clear]] = best_high[clear]
        self.owner[rows[clear]] = places[winner[clear]]
        if not clear.all():
            rows = rows[~clear]
            least = np.minimum(best_high[~clear], self.high[rows])
            self._merge_exactly(places, rows, low[:, ~clear] <= least)

    def _merge_exactly(
        self, places: np.ndarray, rows: np.ndarray, contenders: np.ndarray
    ) -> None:
        """The same by exact distances, for intervals that overlap.

        Args:
            places: (B,) places in ``chosen``.
            rows: (R,) rows.
            contenders: (B, R) bool, pairs that may be the minimum.
        """
        self._refine(rows)
        place, column = np.nonzero(contenders)
        first = self._rows[places[place]]
        exact = self._screen.exact_squared(first, rows[column])
        for value, p, row in zip(exact, places[place], rows[column], strict=True):
            if value < self.high[row]:
                self.low[row] = self.high[row] = value
                self.owner[row] = p

    def _refine(self, rows: np.ndarray) -> None:
        """Replace the intervals of ``rows`` by exact values."""
        rows = rows[self.low[rows] < self.high[rows]]
        if len(rows) == 0:
            return
        owners = self._rows[self.owner[rows]]
        exact = self._screen.exact_squared(owners, rows)
        self.low[rows] = self.high[rows] = exact
        self._finish(rows[self.seen[rows] == len(self.chosen)])

    def _finish(self, rows: np.ndarray) -> None:
        """``rows`` know of all chosen frames now."""
        self.seen[rows] = len(self.chosen)
        self._set_keys(rows)

    def _set_keys(self, rows: np.ndarray) -> None:
        """Keys of ``rows``, which are up to date."""
        bias, unit = self._bias[rows], self._screen.unit
        self.key_low[rows] = np.sqrt(self.low[rows]) * unit + bias
        self.key_high[rows] = np.sqrt(self.high[rows]) * unit + bias
