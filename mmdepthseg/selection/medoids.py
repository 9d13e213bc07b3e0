"""Representative selection: the chosen frames stand for the pool.

Each pick minimises the mean, over all frames, of the distance to the nearest chosen
one; the lowest row wins ties. This is the greedy first phase (BUILD) of partitioning
around medoids (Kaufman and Rousseeuw, 1990), and facility location maximisation, whose
optimum the greedy picks reach to 1 - 1/e (Nemhauser, Wolsey and Fisher, 1978).
Farthest point selection takes the unusual frames first, this takes the usual ones.
"""

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

#: Most distances that are held, 4 bytes each.
PAIRS = 2**29
#: Candidates whose gains are computed together; frames between which distances are.
_BLOCK, _TILE = 64, 512


def choose_medoids(
    features: np.ndarray,
    budget: int,
    *,
    seed: int = 0,
    initial: Rows = (),
    exclude: Rows = (),
    candidates: Rows | None = None,
    min_distance: float = 0.0,
    progress: Progress | None = None,
    **distances: object,
) -> FarthestPoints:
    """Choose `budget` frames that stand for the pool.

    To be covered are all frames that are not excluded. In pools of more than 23,170
    frames they are a sample, drawn by the seed: as many as `PAIRS` allows.

    Args:
        features: (N, D) or (N, C, H, W), see `FeaturePool`.
        budget: Number of frames, including the initial ones.
        seed: Of the sample of large pools; otherwise the picks do not depend on it.
        initial: Rows chosen already.
        exclude: Rows that must not be picked and need not be covered.
        candidates: Rows that may be picked (preselection); None for all.
        min_distance: Picks are at least this far from the chosen frames; the
            selection ends early if no candidate is.
        progress: Called with (frames chosen, budget) after each frame.
        **distances: `normalize` of `Distances`; the work is done on the CPU, and the
            others belong to farthest point selection.

    Returns:
        The chosen frames.

    Raises:
        UserError: As `farthest_point`, or for an option that does not apply.
    """
    options = Distances(**distances)  # type: ignore[arg-type]
    usual = {'distance': 'feature', 'route': None}
    for name, value in usual.items():
        if (given := getattr(options, name)) != value:
            raise UserError(
                f"{name}={given!r} does not apply to method 'medoids'; leave it out, "
                "or use 'ds' or 'ds_us'"
            )
    pool = FeaturePool(features, options.normalize)
    initial, exclude = check_rows(pool.size, initial, exclude)
    eligible = eligible_rows(pool.size, exclude, candidates)
    check_budget(budget, initial, eligible)
    check_min_distance(min_distance)
    check_seed(seed)
    covered = np.setdiff1d(np.arange(pool.size), exclude)
    most = max(1, PAIRS // pool.size)
    if len(covered) > most:
        drawn = np.random.RandomState(seed).permutation(len(covered))[:most]
        covered = np.sort(covered[drawn])
    greedy = _Greedy(pool, covered, eligible)
    for row in initial.tolist():
        greedy.choose(row)
    while len(greedy.order) < budget and (row := greedy.best()) is not None:
        if greedy.nearest_chosen(row)[0] < min_distance:
            greedy.eligible[row] = False
        else:
            greedy.choose(row)
            if progress is not None:
                progress(len(greedy.order), budget)
    distance = np.array(greedy.min_distance)
    distance[: len(initial)] = np.nan
    return FarthestPoints(
        order=np.array(greedy.order, dtype=np.int64),
        min_distance=distance,
        nearest=np.where(np.isnan(distance), -1, np.array(greedy.nearest)),
        stopped=len(greedy.order) < budget,
        route='medoids',
        pairs=pool.size * len(covered),
    )


class _Greedy:
    """Frames chosen so far, and bounds of what each of the others would gain.

    A frame's gain is by how much it lowers the sum of the covered frames' distances to
    their nearest chosen one. It can only fall with more chosen frames, so that a gain
    computed earlier is an upper bound (lazy greedy; Minoux, 1978).

    Args:
        pool: N frames.
        covered: (M,) rows to be covered.
        eligible: (N,) bool, rows that may be picked; changed in place.
    """

    def __init__(
        self, pool: FeaturePool, covered: np.ndarray, eligible: np.ndarray
    ) -> None:
        self.pool, self.eligible = pool, eligible
        self.order: list[int] = []
        self.min_distance: list[float] = []
        self.nearest: list[int] = []
        self._distances = _distances(pool, covered)
        # no frame chosen: as if one were as far from all as any two are
        self._uncovered = np.full(len(covered), self._distances.max(), np.float32)
        self._bound = np.empty(pool.size)
        self._fresh = np.zeros(pool.size, bool)
        for start in range(0, pool.size, _BLOCK):
            self._measure(np.arange(start, min(start + _BLOCK, pool.size)))

    def best(self) -> int | None:
        """Return the row that gains most, None if no candidate is left."""
        while self.eligible.any():
            row = int(np.where(self.eligible, self._bound, -np.inf).argmax())
            if self._fresh[row]:
                return row
            stale = np.flatnonzero(self.eligible & ~self._fresh)
            if len(stale) > _BLOCK:
                stale = stale[np.argpartition(-self._bound[stale], _BLOCK)[:_BLOCK]]
            self._measure(stale)
        return None

    def choose(self, row: int) -> None:
        """Add a row to the chosen ones."""
        distance, nearest = self.nearest_chosen(row)
        self.min_distance.append(distance if self.order else np.nan)
        self.nearest.append(nearest)
        self.order.append(row)
        self.eligible[row] = False
        np.minimum(self._uncovered, self._distances[row], out=self._uncovered)
        self._fresh[:] = False

    def _measure(self, rows: np.ndarray) -> None:
        """Compute what `rows` would gain now."""
        gain = self._uncovered - self._distances[rows]
        self._bound[rows] = np.maximum(gain, 0, out=gain).sum(axis=1, dtype=np.float64)
        self._fresh[rows] = True

    def nearest_chosen(self, row: int) -> tuple[float, int]:
        """Return the distance to the nearest chosen frame, and its row; or inf, -1."""
        if not self.order:
            return np.inf, -1
        squared = self.pool.exact_squared(np.array([row]), np.array(self.order))
        place = int(squared.argmin())
        return float(np.sqrt(squared[place])), self.order[place]


def _distances(pool: FeaturePool, covered: np.ndarray) -> np.ndarray:
    """Return the distances of all frames to some: (N, M) float32."""
    # A common offset would cost the products digits.
    center = np.zeros(pool.dims)
    for rows in pool.blocks():
        center += pool.normalized(rows).sum(axis=0)
    center /= pool.size
    out = np.empty((pool.size, len(covered)), np.float32)
    tile = min(_TILE, max(_BLOCK, pool.block_rows))  # fewer of many dimensions
    for start in range(0, len(covered), tile):
        part = slice(start, start + tile)
        right = pool.normalized(covered[part]) - center
        for first in range(0, pool.size, tile):
            rows = slice(first, first + tile)
            left = pool.normalized(rows) - center
            squared = left @ right.T
            squared *= -2
            squared += np.einsum('ij,ij->i', left, left)[:, None]
            squared += np.einsum('ij,ij->i', right, right)
            out[rows, part] = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
    out[covered, np.arange(len(covered))] = 0
    return out
