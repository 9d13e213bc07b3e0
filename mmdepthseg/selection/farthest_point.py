"""Farthest point selection: the next frame is the one farthest from all chosen.

Each pick maximises, over the candidates j, min over chosen i of d(i, j), plus a bias
of the candidate's own; the lowest row wins a tie. This is the greedy 2-approximation
of the k-center problem (Gonzalez, 1985), as used for "diversity" in Three Ways to
Improve Semantic Segmentation with Self-Supervised Depth Estimation (CVPR 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .checks import check_budget, check_numbers, check_rows
from .device import choose_product
from .features import FeaturePool
from .lookahead import Lookahead
from .patchwise import PatchDistance
from .running_minimum import RunningMinimum
from .screening import Screen

Progress = Callable[[int, int], None]

DEFAULT_MEMORY = 2 * 2**30
DISTANCES = ('feature', 'patch')
ROUTES = ('matrix', 'blocked')
#: Of the blocked route: rows held between picks, and sketches.
_ROW_BYTES = 96 * 2**20
_SKETCH_BYTES = 32 * 2**20
_MAX_BATCH = 64


@dataclass
class FarthestPoints:
    """Chosen frames, in order.

    Attributes:
        order: (K,) int64 rows, the initial ones first. Any prefix that holds the
            initial ones is the selection for a smaller budget.
        min_distance: (K,) float64, distance to the nearest frame chosen before,
            without bias; NaN for the initial ones and for a first pick from the seed.
        nearest: (K,) int64, that frame's row; -1 where ``min_distance`` is NaN.
        stopped: True if ``min_distance`` ended the selection before the budget.
        route: ``'matrix'``, ``'blocked'`` or ``'patch'``.
        statistics: counts of the work done.
    """

    order: np.ndarray
    min_distance: np.ndarray
    nearest: np.ndarray
    stopped: bool
    route: str
    statistics: dict[str, float] = field(default_factory=dict)


def farthest_point(
    features: np.ndarray,
    budget: int,
    *,
    seed: int = 0,
    initial: Sequence[int] = (),
    exclude: Sequence[int] = (),
    candidates: Sequence[int] | None = None,
    bias: np.ndarray | None = None,
    min_distance: float = 0.0,
    normalize: str = 'auto',
    distance: str = 'feature',
    memory: int = DEFAULT_MEMORY,
    route: str | None = None,
    device: str = 'auto',
    progress: Progress | None = None,
) -> FarthestPoints:
    """Choose ``budget`` frames by farthest point, exactly.

    Args:
        features: (N, D) or (N, C, H, W), see `FeaturePool`.
        budget: number of frames, the initial ones counted.
        seed: without initial frames, the first pick is the first candidate in
            ``numpy.random.RandomState(seed).permutation(N)``.
        initial: rows chosen already.
        exclude: rows never to be picked.
        candidates: rows that may be picked (preselection); None for all.
        bias: (N,) added to a candidate's distances; a frame's distance to itself
            stays 0.
        min_distance: no pick is nearer than this to another (bias not counted);
            ends the selection early when nothing else is left.
        normalize: ``'auto'``, ``'none'``, ``'channel'`` or ``'unit'``.
        distance: ``'feature'``, Euclidean over all features, or ``'patch'``, see
            `PatchDistance` (needs (N, C, H, W)).
        memory: bytes; the matrix route is taken if an N x N float32 matrix and a
            float32 copy of the features fit.
        route: ``'matrix'`` or ``'blocked'``, to choose by hand. The picks are the
            same; 'blocked' needs at most 256 MiB above the features (for up to a
            million frames).
        device: for the products: ``'cpu'``, ``'cuda'``, ``'cuda:1'``, ... or
            ``'auto'``: a GPU if there is one and the work is worth it.
        progress: called with (frames chosen, budget) after each.

    Returns:
        The chosen frames.

    Raises:
        ValueError: for a budget beyond the pool, an empty pool, features or biases
            that are not finite, lengths that do not match, rows out of range or
            given twice, or an unknown option.
    """
    if distance not in DISTANCES or route not in (None, *ROUTES):
        raise ValueError(
            f'distance={distance!r}, route={route!r}; expected distance in '
            f'{DISTANCES} and route in {ROUTES} or None.'
        )
    pool = FeaturePool(features, normalize)
    if bias is None:
        bias = np.zeros(pool.size)
    else:
        bias = check_numbers(bias, pool.size, 'bias')
    initial, exclude = check_rows(pool.size, initial, exclude)
    eligible = eligible_rows(pool.size, exclude, candidates)
    check_budget(budget, initial, eligible)
    if not min_distance >= 0:
        raise ValueError(f'min_distance={min_distance} must be 0 or more.')
    if distance == 'patch':
        step = _PatchSteps(pool, eligible, bias)
    else:
        step = _FeatureSteps(pool, eligible, bias, budget, memory, route, device)
    first = None if len(initial) else first_pick(pool.size, seed, eligible)
    return _run(step, budget, initial, first, min_distance, progress)


def eligible_rows(
    size: int, exclude: np.ndarray, candidates: Sequence[int] | None = None
) -> np.ndarray:
    """(N,) bool: what may be picked (or is chosen already)."""
    eligible = np.full(size, candidates is None)
    if candidates is not None:
        eligible[check_rows(size, candidates, (), ('candidates', ''))[0]] = True
    eligible[exclude] = False
    return eligible


def first_pick(size: int, seed: int, eligible: np.ndarray) -> int:
    """The first eligible row in the seeded permutation of all rows."""
    order = np.random.RandomState(seed).permutation(size)
    return int(order[eligible[order].argmax()])


class _FeatureSteps:
    """Euclidean distance between whole frames, screened."""

    def __init__(
        self,
        pool: FeaturePool,
        eligible: np.ndarray,
        bias: np.ndarray,
        budget: int,
        memory: int,
        route: str | None,
        device: str,
    ) -> None:
        size = pool.size
        if route is None:
            fits = 4 * size * (size + pool.dims) <= memory
            route = 'matrix' if fits else 'blocked'
        self.route, self.budget = route, budget
        held = max(2, min(2 * _MAX_BATCH, _ROW_BYTES // (4 * size)))
        capacity = size if route == 'matrix' else held
        screen = Screen(
            pool,
            keep=route == 'matrix',
            sketch_dims=max(4, min(16, _SKETCH_BYTES // (4 * size))),
            product=choose_product(device, work=size * pool.dims * budget),
        )
        self.state = RunningMinimum(size, eligible, bias, screen)
        batch = min(_MAX_BATCH, max(1, 3 * held // 4))
        self.ahead = Lookahead(screen, self.state, bias, capacity, batch)

    def add(self, row: int, planned: np.ndarray) -> None:
        remaining = self.budget - len(self.state.chosen)
        products = self.ahead.take(row, planned, remaining)
        self.state.choose(row)
        self.state.update(products)

    def statistics(self) -> dict[str, float]:
        ahead = self.ahead
        pruned = ahead.pruned / max(ahead.passes, 1)
        return dict(passes=ahead.passes, rows=ahead.computed, pruned=pruned)


class _PatchSteps:
    """Patch-wise distance, exact for every pair."""

    route = 'patch'

    def __init__(
        self, pool: FeaturePool, eligible: np.ndarray, bias: np.ndarray
    ) -> None:
        self.distance = PatchDistance(pool)
        self.state = RunningMinimum(pool.size, eligible, bias)

    def add(self, row: int, planned: np.ndarray) -> None:
        self.state.choose(row)
        self.state.update_exact(np.square(self.distance.from_frame(row)))

    def statistics(self) -> dict[str, float]:
        return {}


def _run(
    step: _FeatureSteps | _PatchSteps,
    budget: int,
    initial: np.ndarray,
    first: int | None,
    min_distance: float,
    progress: Progress | None,
) -> FarthestPoints:
    state = step.state
    distances, nearest = [], []

    def add(row: int, planned: np.ndarray, distance: float, owner: int) -> None:
        distances.append(distance)
        nearest.append(owner)
        # After the last pick nobody asks for distances any more.
        if len(distances) < budget:
            step.add(row, planned)
        else:
            state.choose(row)
        if progress is not None:
            progress(len(distances), budget)

    given = initial if first is None else np.array([first])
    # Before anything is added, so that no guess of a next pick is an initial frame.
    state.retire(given)
    for place, row in enumerate(given.tolist()):
        add(row, given[place + 1 :], np.nan, -1)
    while len(distances) < budget:
        row = state.best()
        if row is None:
            break
        distance = state.distance(row)
        if distance < min_distance:
            state.retire(state.near(min_distance))
            continue
        add(row, np.empty(0, np.int64), distance, state.nearest(row))
    return FarthestPoints(
        order=np.array(state.chosen, dtype=np.int64),
        min_distance=np.array(distances, dtype=np.float64),
        nearest=np.array(nearest, dtype=np.int64),
        stopped=len(distances) < budget,
        route=step.route,
        statistics=step.statistics(),
    )
