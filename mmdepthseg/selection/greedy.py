"""Greedy selection: the frame that gains most, again and again."""

import numpy as np

from mmdepthseg.selection.checks import (
    Rows,
    check_budget,
    check_min_distance,
    check_rows,
    check_seed,
)
from mmdepthseg.selection.farthest.farthest_point import (
    Distances,
    FarthestPoints,
    Progress,
    eligible_rows,
)
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.utils.errors import UserError


class Greedy:
    """Frames chosen so far, and which of the others gains most.

    Args:
        pool: N frames.
        eligible: (N,) bool, rows that may be picked; changed in place.
    """

    route = ''

    def __init__(self, pool: FeaturePool, eligible: np.ndarray) -> None:
        self.pool, self.eligible = pool, eligible
        self.order: list[int] = []
        self.min_distance: list[float] = []
        self.nearest: list[int] = []
        #: Number of computed distances.
        self.pairs = 0

    def best(self) -> int | None:
        """Return the row that gains most, None if no candidate is left."""
        raise NotImplementedError

    def choose(self, row: int) -> None:
        """Add a row to the chosen ones."""
        distance, nearest = self.nearest_chosen(row)
        self.min_distance.append(distance if self.order else np.nan)
        self.nearest.append(nearest)
        self.order.append(row)
        self.eligible[row] = False

    def nearest_chosen(self, row: int) -> tuple[float, int]:
        """Return the distance to the nearest chosen frame, and its row; or inf, -1."""
        if not self.order:
            return np.inf, -1
        squared = self.pool.exact_squared(np.array([row]), np.array(self.order))
        place = int(squared.argmin())
        return float(np.sqrt(squared[place])), self.order[place]

    def run(
        self,
        budget: int,
        initial: np.ndarray,
        min_distance: float,
        progress: Progress | None,
    ) -> FarthestPoints:
        """Choose the `initial` rows, then pick until the budget is reached."""
        for row in initial.tolist():
            self.choose(row)
        while len(self.order) < budget and (row := self.best()) is not None:
            if self.nearest_chosen(row)[0] < min_distance:
                self.eligible[row] = False
                continue
            self.choose(row)
            if progress is not None:
                progress(len(self.order), budget)
        distance = np.array(self.min_distance)
        distance[: len(initial)] = np.nan
        return FarthestPoints(
            order=np.array(self.order, dtype=np.int64),
            min_distance=distance,
            nearest=np.where(np.isnan(distance), -1, np.array(self.nearest)),
            stopped=len(self.order) < budget,
            route=self.route,
            pairs=self.pairs,
        )


def check_inputs(
    method: str,
    features: np.ndarray,
    budget: int,
    seed: int,
    lists: tuple[Rows, Rows, Rows | None],
    min_distance: float,
    distances: dict,
) -> tuple[FeaturePool, np.ndarray, np.ndarray, np.ndarray]:
    """Check what the greedy methods have in common.

    Args:
        method: Name, for messages.
        features: (N, D) or (N, C, H, W), see `FeaturePool`.
        budget: Number of frames, including the initial ones.
        seed: Of random draws.
        lists: Initial rows, excluded ones and those that may be picked (None: all).
        min_distance: Of picks to the chosen frames.
        distances: Options of `Distances`; only `normalize` applies, `memory` and
            `device` are not needed.

    Returns:
        The pool, the initial and the excluded rows, and (N,) bool, which may be picked.

    Raises:
        UserError: As `farthest_point`, or for an option that does not apply.
    """
    options = Distances(**distances)
    usual = {'distance': 'feature', 'route': None}
    for name, value in usual.items():
        if (given := getattr(options, name)) != value:
            raise UserError(
                f'{name}={given!r} does not apply to method {method!r}; leave it out, '
                "or use 'ds' or 'ds_us'"
            )
    pool = FeaturePool(features, options.normalize)
    initial, exclude = check_rows(pool.size, lists[0], lists[1])
    eligible = eligible_rows(pool.size, exclude, lists[2])
    check_budget(budget, initial, eligible)
    check_min_distance(min_distance)
    check_seed(seed)
    return pool, initial, exclude, eligible
