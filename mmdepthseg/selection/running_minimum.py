"""Distance of every candidate to the nearest chosen frame, known as far as needed."""

import numpy as np

from .screening import UNDERFLOW, Screen


class RunningMinimum:
    """Minimum squared distance to the chosen frames, as one interval per frame.

    The interval is narrowed to the exact value (`Screen.exact_squared`) only where
    the order of picks depends on it: when a new frame's interval overlaps that of
    the nearest chosen one, and when candidates compete for the next pick. The picks
    are therefore those of exact distances.

    Args:
        size: number of frames N.
        eligible: (N,) bool, what may be picked; the others are not followed.
        bias: (N,) float64, added to a candidate's distance.
        screen: bounds and exact distances; None if all updates are exact
            (`update_exact`), with distances in units of 1.

    Attributes:
        chosen: rows in order of choice.
        low, high: (N,) float64, bounds of the minimum squared distance (units of
            the screen); inf before the first choice.
        owner: (N,) int32, place in ``chosen`` of the nearest chosen frame.
        key_low, key_high: (N,) float64, bounds of distance + bias in pool units;
            -inf for what may not be picked (any more).
    """

    def __init__(
        self,
        size: int,
        eligible: np.ndarray,
        bias: np.ndarray,
        screen: Screen | None = None,
    ) -> None:
        self.chosen: list[int] = []
        self.low = np.full(size, np.inf)
        self.high = np.full(size, np.inf)
        self.owner = np.zeros(size, np.int32)
        self.key_low = np.where(eligible, np.inf, -np.inf)
        self.key_high = self.key_low.copy()
        self._bias = bias
        self._screen = screen
        self._unit = 1.0 if screen is None else screen.unit
        # A product above its frame's threshold may mean a smaller minimum.
        self._threshold = np.where(eligible, -np.inf, np.inf).astype(np.float32)

    def choose(self, row: int) -> None:
        """Append ``row`` to the chosen; it is no candidate any more."""
        self.chosen.append(row)
        self.retire(row)

    def retire(self, rows: int | np.ndarray) -> None:
        """``rows`` may not be picked any more."""
        self.key_low[rows] = self.key_high[rows] = -np.inf
        self._threshold[rows] = np.inf

    def update(self, products: np.ndarray) -> None:
        """Take in the last chosen frame, screened.

        Args:
            products: (N,) float32 with every frame, -inf where surely no nearer.
        """
        row, screen = self.chosen[-1], self._screen
        own = np.float32((1 - screen.kappa) / 2 * screen.squared_length[row])
        rows = np.flatnonzero(products - own > self._threshold)
        low, high = screen.bounds(row, rows, products[rows].astype(np.float64))
        nearer = low < self.high[rows]
        rows, low, high = rows[nearer], low[nearer], high[nearer]
        unsure = high >= self.low[rows]
        self._set(rows[~unsure], low[~unsure], high[~unsure], len(self.chosen) - 1)
        rows = rows[unsure]
        if len(rows):
            self.refine(rows)
            exact = screen.exact_squared(np.array([row]), rows)
            nearer = exact < self.low[rows]
            exact = exact[nearer]
            self._set(rows[nearer], exact, exact, len(self.chosen) - 1)

    def update_exact(self, squared: np.ndarray) -> None:
        """Take in the last chosen frame, from all (N,) squared distances to it."""
        rows = np.flatnonzero((squared < self.low) & (self.key_low > -np.inf))
        self._set(rows, squared[rows], squared[rows], len(self.chosen) - 1)

    def refine(self, rows: np.ndarray) -> None:
        """Replace the intervals of ``rows`` by exact values."""
        rows = rows[self.low[rows] < self.high[rows]]
        if len(rows):
            owners = np.asarray(self.chosen)[self.owner[rows]]
            exact = self._screen.exact_squared(owners, rows)
            self._set(rows, exact, exact, self.owner[rows])

    def best(self) -> int | None:
        """The candidate of largest distance + bias, the lowest row on ties.

        Its interval, and that of every candidate that could be equal, is exact
        afterwards. None if nothing can be picked.
        """
        while True:
            row = int(self.key_low.argmax())
            top = self.key_low[row]
            if top == -np.inf:
                return None
            rivals = np.flatnonzero(self.key_high >= top)
            unsure = rivals[self.low[rivals] < self.high[rivals]]
            if len(unsure) == 0:
                return row
            self.refine(unsure)

    def distance(self, row: int) -> float:
        """Upper bound of the distance to the nearest chosen, exact after `best`."""
        return float(np.sqrt(self.high[row]) * self._unit)

    def nearest(self, row: int) -> int:
        """The chosen frame nearest to ``row``."""
        return self.chosen[self.owner[row]]

    def near(self, distance: float) -> np.ndarray:
        """Candidates surely nearer than ``distance`` to a chosen frame: rows."""
        reach = np.sqrt(self.high) * self._unit
        return np.flatnonzero((reach < distance) & (self.key_low > -np.inf))

    def _set(
        self,
        rows: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        owner: int | np.ndarray,
    ) -> None:
        self.low[rows], self.high[rows], self.owner[rows] = low, high, owner
        bias = self._bias[rows]
        self.key_low[rows] = np.sqrt(low) * self._unit + bias
        self.key_high[rows] = np.sqrt(high) * self._unit + bias
        if self._screen is not None:
            length = (1 - self._screen.kappa) * self._screen.squared_length[rows]
            self._threshold[rows] = (length - high - UNDERFLOW) / 2
