"""Distances from candidates to the nearest chosen frame, as intervals."""

import numpy as np

from mmdepthseg.selection.farthest.screening import Screen

_STATE = ('low', 'high', 'owner', 'key_low', 'key_high')


class Minima:
    """Intervals of the squared distance to the nearest chosen frame.

    Indices are places in `rows`, which may be all frames of a pool or a few. Keys are
    updated by the caller: with `set_keys`, or directly within a `Front`.

    Args:
        screen: Exact distances.
        rows: (M,) rows of the pool.
        bias: (M,) float64, added to a candidate's distance, in pool units.
        chosen: (budget,) int64, rows in the order of choice, filled by the caller.

    Attributes:
        low, high: (M,) float64, the interval in units of the screen; inf if unknown.
        owner: (M,) int32, place of the nearest frame in `chosen`.
        key_high: (M,) float64, upper bound of distance + bias in pool units; -inf for
            frames that may not be picked (any more).
        key_low: (M,) float64, lower bound if all chosen frames are accounted for;
            else -inf.
    """

    # Separate arrays: numpy takes ten times as long to index two rows of a matrix at
    # once, and that is most of the cost of a pick.

    def __init__(
        self, screen: Screen, rows: np.ndarray, bias: np.ndarray, chosen: np.ndarray
    ) -> None:
        size = len(rows)
        self.rows = rows
        self.low = np.full(size, np.inf)
        self.high = np.full(size, np.inf)
        self.owner = np.zeros(size, np.int32)
        self.key_low = np.full(size, -np.inf)
        self.key_high = np.full(size, np.inf)
        self._screen, self._bias, self._chosen = screen, bias, chosen

    def part(self, index: np.ndarray) -> 'Minima':
        """Return a copy of the minima at `index`."""
        out = Minima(self._screen, self.rows[index], self._bias[index], self._chosen)
        for name in _STATE:
            setattr(out, name, getattr(self, name)[index])
        return out

    def put_back(self, index: np.ndarray, part: 'Minima') -> None:
        """Copy back a `part` of the same `index`."""
        for name in _STATE:
            getattr(self, name)[index] = getattr(part, name)

    def retire(self, index: int | np.ndarray) -> None:
        """Remove `index` from the candidates."""
        self.key_low[index] = self.key_high[index] = -np.inf
        self.low[index] = self.high[index] = (
            0.0  # nothing can be nearer, so there are no more updates
        )

    def keys(
        self, low: np.ndarray, high: np.ndarray, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of distance + bias, given those of squared distances."""
        unit, bias = self._screen.unit, self._bias[index]
        return np.sqrt(low) * unit + bias, np.sqrt(high) * unit + bias

    def set_keys(self, index: np.ndarray) -> None:
        """Set the keys of `index`, whose minima account for every chosen frame."""
        keys = self.keys(self.low[index], self.high[index], index)
        self.key_low[index], self.key_high[index] = keys

    def put(
        self,
        index: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        owner: np.ndarray | int,
    ) -> None:
        """Store new intervals and nearest frames."""
        self.low[index], self.high[index] = low, high
        self.owner[index] = owner

    def refine(self, index: np.ndarray) -> np.ndarray:
        """Replace intervals by exact values; return the indices that needed it."""
        index = index[self.low[index] < self.high[index]]
        if len(index):
            owners = self._chosen[self.owner[index]]
            exact = self._screen.exact_squared(owners, self.rows[index])
            self.low[index] = self.high[index] = exact
        return index

    def merge_exactly(
        self, places: np.ndarray, index: np.ndarray, contenders: np.ndarray
    ) -> None:
        """Update minima with exact distances, where intervals overlap.

        The frame chosen first wins ties.

        Args:
            places: (B,) ascending places in `chosen`.
            index: (R,) minima to update.
            contenders: (R, B) bool, pairs that may be the minimum.
        """
        self.refine(index)
        column, place = np.nonzero(contenders)
        first = self._chosen[places[place]]
        exact = self._screen.exact_squared(first, self.rows[index[column]])
        for value, p, i in zip(exact, places[place], index[column], strict=True):
            if value < self.high[i]:
                self.low[i] = self.high[i] = value
                self.owner[i] = p
