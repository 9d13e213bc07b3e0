r"""The leading candidates of a lazy farthest point selection.

The next picks are nearly always among the candidates with the highest bounds. So the
distances among them are computed at once, and as long as the next pick is one of them,
no other candidate is considered: a pick costs a few passes over a few hundred numbers.

This is worth its code: without it, the same 743 picks from 3,000 x 8,192 features took
5.9 instead of 0.92 CPU seconds (frames of clips: 5.9 instead of 1.08; medians of 3, one
core), as shown by

    python tools/analysis_tools/benchmark_selection.py --data gaussian clips \
        --routes memory no-front

A search designed without a front (catching up with 64 candidates first, then with more)
still took about 2.2 and 2.0.
"""

import numpy as np

from mmdepthseg.selection.farthest.minima import Minima
from mmdepthseg.selection.farthest.screening import Screen


class Front:
    """Leading candidates, with intervals of all squared distances among them.

    Args:
        screen: Bounds of distances.
        rows: (F,) ascending rows of the pool.
        everybody: Minima of all frames of the pool.

    Attributes:
        rows: As given.
        place: Place in `rows` of each row.
        picks: Number of picks made from it.
        live: True between `enter` and `leave`, while `take` and `best` may be called.
    """

    def __init__(self, screen: Screen, rows: np.ndarray, everybody: Minima) -> None:
        self.rows = rows
        self.place = {row: place for place, row in enumerate(rows.tolist())}
        self.picks = 0
        self.live = False
        vectors = screen.vectors(rows)
        self._low, self._high = screen.bounds(rows, vectors, rows)
        # The keys that result if a pick, the first index, is the nearest frame.
        self._keys = everybody.keys(self._low, self._high, rows)

    def enter(self, everybody: Minima) -> None:
        """Copy the minima of its rows; other rows must not change until `leave`."""
        self._minima = everybody.part(self.rows)
        others = everybody.key_high.copy()
        others[self.rows] = -np.inf
        self._ceiling = others.max()
        self.live = True

    def leave(self, everybody: Minima) -> None:
        """Copy the minima back."""
        everybody.put_back(self.rows, self._minima)
        self.live = False

    def owner(self, row: int) -> int:
        """Return the place, in the order of choice, of the frame nearest to `row`."""
        return self._minima.owner[self.place[row]]

    def take(self, row: int, number: int) -> None:
        """Update the front with a pick.

        Args:
            row: A row of the front.
            number: Its place in the order of choice.
        """
        minima, place = self._minima, self.place[row]
        self.picks += 1
        minima.retire(place)
        low = self._low[place]
        nearer = (low < minima.high).nonzero()[0]
        if not len(nearer):
            return
        low, high = low[nearer], self._high[place][nearer]
        clear = high < minima.low[nearer]
        if np.count_nonzero(clear) == len(nearer):
            minima.put(nearer, low, high, number)
            key_low, key_high = self._keys
            minima.key_low[nearer] = key_low[place][nearer]
            minima.key_high[nearer] = key_high[place][nearer]
            return
        unclear = nearer[~clear]
        contenders = np.ones((len(unclear), 1), bool)
        minima.merge_exactly(np.array([number]), unclear, contenders)
        minima.put(nearer[clear], low[clear], high[clear], number)
        minima.set_keys(nearer)

    def best(self) -> int | None:
        """Return the row with the largest distance + bias, the lowest row on ties.

        Returns None if it may be outside the front, or nothing can be picked.
        """
        low, high = self._minima.key_low, self._minima.key_high
        while True:
            place = int(low.argmax())
            top = low[place]
            if not top > self._ceiling:
                return None
            rivals = high >= top
            if np.count_nonzero(rivals) == 1:
                return int(self.rows[place])
            refined = self._minima.refine(rivals.nonzero()[0])
            if not len(refined):
                return int(self.rows[place])
            self._minima.set_keys(refined)
