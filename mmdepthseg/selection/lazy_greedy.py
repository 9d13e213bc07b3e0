"""Farthest point without the distance matrix: distances only where they can matter.

A minimum over chosen frames can only fall as more are chosen. So what is known of a
candidate from some of them bounds its minimum from above, and a candidate whose bound
is below the best one's minimum cannot be the next pick: it need not be looked at
(lazy evaluation; Minoux, 1978). It catches up with the picks it has missed when its
bound comes to the front, for all of them in one matrix product. This is exact; how
much it saves depends on the data: about two thirds of the products for independent
Gaussian features, nearly all in clips of similar frames.

Three more things make it fast, none of which changes a pick:

- distances are intervals from float32 products (`Screen`), narrowed to exact values
  where the order depends on it;
- the products among the leading candidates, the "front", are computed at once, since
  the next picks are nearly always among them;
- triangle inequality: a frame x with nearest chosen frame o at distance m stays as
  it is for all p that are at least 2 m from o, as d(p, x) >= d(p, o) - d(o, x) >= m.
"""

import numpy as np

from .screening import Screen

#: Candidates that catch up at once, and the smallest and largest front.
_CATCH_UP = 256
_MIN_FRONT, _MAX_FRONT = 16, 512
#: Chosen frames per product, which bounds temporary memory.
_MAX_PENDING = 512
#: From this many missed picks on, the triangle inequality is tried.
_MIN_PRUNED_PENDING = 32
_MIN_PRUNED_DIMS = 64
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
        self.low = np.full(size, np.inf)
        self.high = np.full(size, np.inf)
        self.owner = np.zeros(size, np.int32)
        self.seen = np.zeros(size, np.int32)
        self.key_high = np.where(eligible, np.inf, -np.inf)
        self.key_low = np.full(size, -np.inf)
        self.pairs = 0
        self._screen, self._bias = screen, bias
        fits = 4 * budget * dims <= _VECTOR_BYTES
        self._vectors = np.empty((budget, dims), np.float32) if fits else None
        self._front = np.empty(0, np.int64)
        self._front_low = self._front_high = np.empty((0, 0))
        self._front_picks = 0

    def choose(self, row: int, last: bool = False) -> None:
        """Append ``row`` to the chosen.

        Args:
            row: the pick.
            last: True if no more picks will be asked for.
        """
        place = np.searchsorted(self._front, row)
        inside = place < len(self._front) and self._front[place] == row
        picked = self.key_low[row] > -np.inf  # not one of those given
        self.chosen.append(row)
        if self._vectors is not None:
            self._vectors[len(self.chosen) - 1] = self._screen.vectors([row])[0]
        if last:
            return
        if picked and not inside:
            self._open_front(row)
            place = np.searchsorted(self._front, row)
        self.retire(row)
        self.key_low[:] = -np.inf
        if len(self.chosen) == 1:
            # Everybody has a bound from here on.
            self._catch_up(np.flatnonzero(self.key_high > -np.inf))
        elif picked:
            self._front_picks += 1
            self._advance_front(int(place))

    def retire(self, rows: int | np.ndarray) -> None:
        """``rows`` may not be picked any more."""
        self.key_low[rows] = self.key_high[rows] = -np.inf

    def retire_nearer(self, distance: float) -> None:
        """Retire the candidates surely nearer than ``distance`` to a chosen frame."""
        self.retire(np.sqrt(self.high) * self._screen.unit < distance)

    def best(self) -> int | None:
        """The candidate of largest distance + bias, the lowest row on ties.

        Its distance is exact afterwards. None if nothing can be picked.
        """
        while True:
            row = int(self.key_low.argmax())
            top = self.key_low[row]
            rivals = np.flatnonzero(self.key_high >= top)
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
        """Distance from what `best` returned to the nearest chosen frame."""
        return float(np.sqrt(self.high[row]) * self._screen.unit)

    def nearest(self, row: int) -> int:
        """That chosen frame."""
        return self.chosen[self.owner[row]]

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
        count = min(_CATCH_UP, len(stale))
        # Of those below the leaders' range nothing is needed yet.
        leaders = self._leading(2 * _CATCH_UP)
        floor = min(self.key_high[leaders].min(), stale.max())
        rows = np.argpartition(stale, -count)[-count:]
        rows = rows[(stale[rows] >= floor) & (stale[rows] > -np.inf)]
        return np.sort(rows)

    def _open_front(self, row: int) -> None:
        """Compute all distances among ``row`` and the leading candidates."""
        wanted = 4 * self._front_picks
        self._front_picks = 0
        front = self._leading(max(_MIN_FRONT, min(_MAX_FRONT, wanted)))
        front = front[self.seen[front] == len(self.chosen) - 1]
        self._front = np.union1d(front, [row])
        vectors = self._screen.vectors(self._front)
        self._front_low, self._front_high = self._screen.bounds(
            self._front, vectors, self._front
        )
        self.pairs += len(self._front) ** 2

    def _advance_front(self, place: int) -> None:
        """Take the last pick, at ``place`` of the front, into account for all of it."""
        rows = self._front
        current = np.flatnonzero(
            (self.key_high[rows] > -np.inf)
            & (self.seen[rows] == len(self.chosen) - 1)
        )
        rows = rows[current]
        last = np.array([len(self.chosen) - 1])
        low = self._front_low[place, current][None]
        self._merge(last, rows, low, self._front_high[place, current][None])
        self._finish(rows)

    def _catch_up(self, rows: np.ndarray) -> None:
        """Take all chosen frames into account that ``rows`` have missed."""
        # Those who missed about the same picks together, neighbours in time together.
        rows = rows[np.argsort(self.seen[rows], kind='stable')]
        while len(rows):
            begin = int(self.seen[rows[0]])
            limit = begin + (len(self.chosen) - begin) // 4
            count = np.searchsorted(self.seen[rows], limit, side='right')
            part, rows = np.split(rows, [min(count, self._screen.block_rows)])
            changing = self._prune(part, begin)
            for first in range(begin, len(self.chosen), _MAX_PENDING):
                places = np.arange(first, min(first + _MAX_PENDING, len(self.chosen)))
                self._compare(places, changing)
            self._finish(part)

    def _compare(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Bring the chosen frames at ``places`` into the minima of ``rows``."""
        if len(rows) == 0:
            return
        low, high = self._bounds(places, rows)
        known = places[:, None] < self.seen[rows]
        if known.any():
            low[known] = high[known] = np.inf
        self._merge(places, rows, low, high)

    def _bounds(
        self, places: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`Screen.bounds` from chosen frames."""
        batch = np.asarray(self.chosen)[places]
        if self._vectors is not None:
            vectors = self._vectors[places[0] : places[-1] + 1]
        else:
            vectors = self._screen.vectors(batch)
        self.pairs += len(places) * len(rows)
        return self._screen.bounds(batch, vectors, rows)

    def _prune(self, rows: np.ndarray, begin: int) -> np.ndarray:
        """``rows`` without those that the chosen from ``begin`` on cannot change."""
        pending = len(self.chosen) - begin
        small = self._screen.pool.dims < _MIN_PRUNED_DIMS
        if small or begin == 0 or not _MIN_PRUNED_PENDING <= pending <= _MAX_PENDING:
            return rows
        owners, which = np.unique(self.owner[rows], return_inverse=True)
        if 4 * len(owners) > len(rows):
            return rows
        places = np.arange(begin, len(self.chosen))
        # A later owner is at distance 0 from itself: such a row is never left out.
        low, _ = self._bounds(places, np.asarray(self.chosen)[owners])
        # The margin keeps the rounding of exact distances out of the argument.
        reach = 2 * (1 + 1e-9) * np.sqrt(self.high[rows])
        return rows[np.sqrt(low.min(axis=0))[which] < reach]

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
        least = np.minimum(best_high, self.high[rows])
        contenders = low <= least
        clear = (contenders.sum(axis=0) == 1) & (best_high < self.low[rows])
        self.low[rows[clear]] = best_low[clear]
        self.high[rows[clear]] = best_high[clear]
        self.owner[rows[clear]] = places[winner[clear]]
        if not clear.all():
            contenders[:, clear] = False
            self._merge_exactly(places, rows[~clear], contenders[:, ~clear])

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
        first = np.asarray(self.chosen)[places[place]]
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
        owners = np.asarray(self.chosen)[self.owner[rows]]
        exact = self._screen.exact_squared(owners, rows)
        self.low[rows] = self.high[rows] = exact
        self._finish(rows[self.seen[rows] == len(self.chosen)])

    def _finish(self, rows: np.ndarray) -> None:
        """``rows`` know of all chosen frames: set their keys."""
        self.seen[rows] = len(self.chosen)
        rows = rows[self.key_high[rows] > -np.inf]
        bias, unit = self._bias[rows], self._screen.unit
        self.key_low[rows] = np.sqrt(self.low[rows]) * unit + bias
        self.key_high[rows] = np.sqrt(self.high[rows]) * unit + bias
