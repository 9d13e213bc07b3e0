"""Farthest point selection: the next frame is the one farthest from all chosen.

Each pick maximises, over the candidates j, min over chosen i of d(i, j), plus a bias
of each candidate; the lowest row wins ties. This is the greedy 2-approximation
of the k-center problem (Gonzalez, 1985), as used for "diversity" in Three Ways to
Improve Semantic Segmentation with Self-Supervised Depth Estimation (CVPR 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdepthseg.selection.checks import (
    Rows,
    check_budget,
    check_min_distance,
    check_numbers,
    check_rows,
    check_seed,
)
from mmdepthseg.selection.farthest.device import choose_product
from mmdepthseg.selection.farthest.lazy_greedy import LazyGreedy
from mmdepthseg.selection.farthest.screening import Screen
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.patchwise import PatchGreedy
from mmdepthseg.utils.errors import UserError

Progress = Callable[[int, int], None]

DEFAULT_MEMORY = 2 * 2**30
DISTANCES = ('feature', 'patch')
ROUTES = ('memory', 'blocked')


@dataclass
class FarthestPoints:
    """Chosen frames, in order.

    Attributes:
        order: (K,) int64 rows, the initial ones first. Any prefix that includes the
            initial ones is the selection for a smaller budget.
        min_distance: (K,) float64, distance to the nearest frame chosen before,
            without bias; NaN for initial frames and for a first pick by the seed.
        nearest: (K,) int64, row of that frame; -1 where `min_distance` is NaN.
        stopped: True if `min_distance` ended the selection before the budget.
        route: `'memory'`, `'blocked'` or `'patch'`.
        pairs: Number of computed distances (N * budget without pruning).
    """

    order: np.ndarray
    min_distance: np.ndarray
    nearest: np.ndarray
    stopped: bool
    route: str = ''
    pairs: int = 0


@dataclass(frozen=True)
class Distances:
    """Options of the distances between frames.

    Attributes:
        normalize: `'auto'`, `'none'`, `'channel'` or `'unit'`, see
            `FeaturePool`.
        distance: `'feature'`, Euclidean over all features, or `'patch'`, see
            `PatchDistance` (needs (N, C, H, W)).
        memory: Bytes; the memory route is used if a float32 copy of the features
            fits.
        route: `'memory'` or `'blocked'`; None: chosen by `memory`. The picks are the
            same; 'blocked' needs at most 256 MiB in addition to the features (for up
            to a million frames).
        device: For the products: `'cpu'`, `'cuda'`, `'cuda:1'`, ... or
            `'auto'`: a GPU if there is one and it saves time.

    Raises:
        UserError: For an unknown option.
    """

    normalize: str = 'auto'
    distance: str = 'feature'
    memory: int = DEFAULT_MEMORY
    route: str | None = None
    device: str = 'auto'

    def __post_init__(self) -> None:
        """Check the options that `FeaturePool` and `choose_product` do not check."""
        if self.distance not in DISTANCES or self.route not in (None, *ROUTES):
            raise UserError(
                f'distance={self.distance!r}, route={self.route!r}; expected distance '
                f'in {DISTANCES} and route in {ROUTES} or None'
            )

    def start(
        self, pool: FeaturePool, eligible: np.ndarray, bias: np.ndarray, budget: int
    ) -> tuple[str, LazyGreedy | PatchGreedy]:
        """Return the route and an empty selection."""
        if self.distance == 'patch':
            return 'patch', PatchGreedy(pool, eligible, bias)
        fits = 4 * pool.size * pool.dims <= self.memory
        route = self.route or ('memory' if fits else 'blocked')
        product = choose_product(self.device, work=pool.size * pool.dims * budget)
        screen = Screen(pool, keep=route == 'memory', product=product)
        return route, LazyGreedy(screen, eligible, bias, budget)


def farthest_point(
    features: np.ndarray,
    budget: int,
    *,
    seed: int = 0,
    initial: Rows = (),
    exclude: Rows = (),
    candidates: Rows | None = None,
    bias: np.ndarray | None = None,
    min_distance: float = 0.0,
    progress: Progress | None = None,
    **distances: Any,
) -> FarthestPoints:
    """Choose `budget` frames by farthest point, exactly.

    Args:
        features: (N, D) or (N, C, H, W), see `FeaturePool`.
        budget: Number of frames, including the initial ones.
        seed: Without initial frames, the first pick is the first candidate in
            `numpy.random.RandomState(seed).permutation(N)`.
        initial: Rows chosen already.
        exclude: Rows that must not be picked.
        candidates: Rows that may be picked (preselection); None for all.
        bias: (N,) added to a candidate's distances.
        min_distance: Picks are at least this far from the chosen frames (without
            bias); the selection ends early if no candidate is.
        progress: Called with (frames chosen, budget) after each frame.
        **distances: Options of `Distances`.

    Returns:
        The chosen frames.

    Raises:
        UserError: The budget exceeds the pool, the pool is empty, features or biases
            are not finite, lengths differ, rows are out of range or given twice,
            numpy does not accept the seed, or an option is unknown.
    """
    options = Distances(**distances)
    pool = FeaturePool(features, options.normalize)
    bias = np.zeros(pool.size) if bias is None else bias
    bias = check_numbers(bias, pool.size, 'bias')
    initial, exclude = check_rows(pool.size, initial, exclude)
    eligible = eligible_rows(pool.size, exclude, candidates)
    check_budget(budget, initial, eligible)
    check_min_distance(min_distance)
    check_seed(seed)
    route, greedy = options.start(pool, eligible, bias, budget)
    if len(initial) == 0:
        initial = np.array([first_pick(pool.size, seed, eligible)])
    points = _run(greedy, budget, initial, min_distance, progress)
    points.route = route
    return points


def eligible_rows(
    size: int, exclude: np.ndarray, candidates: Rows | None = None
) -> np.ndarray:
    """Return (N,) bool, rows that may be picked (or are chosen already)."""
    eligible = np.full(size, candidates is None)
    if candidates is not None:
        eligible[check_rows(size, candidates, (), ('candidates', ''))[0]] = True
    eligible[exclude] = False
    return eligible


def first_pick(size: int, seed: int, eligible: np.ndarray) -> int:
    """Return the first eligible row in the seeded permutation of all rows."""
    order = np.random.RandomState(seed).permutation(size)
    return int(order[eligible[order].argmax()])


def _run(
    greedy: LazyGreedy | PatchGreedy,
    budget: int,
    given: np.ndarray,
    min_distance: float,
    progress: Progress | None,
) -> FarthestPoints:
    """Choose the `given` rows, then pick until the budget is reached."""

    def add(row: int) -> None:
        greedy.choose(row, last=len(greedy.chosen) + 1 == budget)
        if progress is not None:
            progress(len(greedy.chosen), budget)

    greedy.retire(given)
    for row in given.tolist():
        add(row)
    while len(greedy.chosen) < budget and (row := greedy.best()) is not None:
        if min_distance > 0 and greedy.distance(row) < min_distance:
            greedy.retire_nearer(min_distance)
        else:
            add(row)
    return FarthestPoints(
        order=np.array(greedy.chosen, dtype=np.int64),
        min_distance=greedy.pick_distances(),
        nearest=np.array(greedy.nearest, dtype=np.int64),
        stopped=len(greedy.chosen) < budget,
        pairs=greedy.pairs,
    )
