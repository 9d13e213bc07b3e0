"""Selection methods: from features and scores to an order of frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmdepthseg.selection.checks import (
    Rows,
    check_budget,
    check_min_distance,
    check_numbers,
    check_rows,
    check_seed,
)
from mmdepthseg.selection.farthest.farthest_point import (
    Progress,
    eligible_rows,
    farthest_point,
)
from mmdepthseg.selection.features import check_shape
from mmdepthseg.selection.medoids import choose_medoids
from mmdepthseg.utils.errors import UserError


class Needs(NamedTuple):
    """Inputs of a method: distances between frames, a score of each frame."""

    distances: bool
    scores: bool


METHODS = {
    'random': Needs(distances=False, scores=False),
    'ds': Needs(distances=True, scores=False),
    'us': Needs(distances=False, scores=True),
    'ds_us': Needs(distances=True, scores=True),
    'medoids': Needs(distances=True, scores=False),
    'entropy': Needs(distances=False, scores=True),
}
DEFAULT_BIAS = 1000.0


@dataclass
class Selection:
    """Chosen frames, in order.

    Attributes:
        order: (K,) int64 rows, the initial ones first; its prefixes are the
            selections for smaller budgets.
        initial: Number of initial frames.
        min_distance: (K,) float64, distance to the nearest frame chosen before; NaN
            if there is none or the method measures no distances.
        nearest: (K,) int64, row of that frame, -1 if there is none.
        score: (K,) float64, or None without scores.
        stopped: True if the minimum distance ended the selection early.
        preselected: Number of frames to which preselection confined the (last) picks;
            None if it left out none.
        route: How distances were computed, '' if none were.
        pairs: Number of computed distances.
    """

    order: np.ndarray
    initial: int
    min_distance: np.ndarray
    nearest: np.ndarray
    score: np.ndarray | None
    stopped: bool = False
    preselected: int | None = None
    route: str = ''
    pairs: int = 0


def select(
    features: np.ndarray,
    method: str,
    budget: int | Sequence[int],
    *,
    seed: int = 0,
    scores: np.ndarray | None = None,
    bias: float = DEFAULT_BIAS,
    initial: Rows = (),
    exclude: Rows = (),
    preselect: float | None = None,
    min_distance: float = 0.0,
    progress: Progress | None = None,
    **distances: Any,
) -> Selection:
    """Choose frames to annotate.

    Args:
        features: (N, D) or (N, C, H, W); methods without distances use only N.
        method: `'random'` (the seeded permutation), `'ds'` (farthest point),
            `'us'` and `'entropy'` (highest scores, the lowest row on ties), `'ds_us'`
            (farthest point, `bias * scores` added to the distances) or `'medoids'`
            (frames that stand for the pool, see `choose_medoids`).
        budget: Number of frames, including the initial ones. Of several, the largest
            is used; prefixes of its order are the selections for the others.
        seed: Of the permutation, also for the first pick of farthest point; see
            `choose_medoids` for its use there.
        scores: (N,) a higher score means more worth a label.
        bias: Weight of the scores in `'ds_us'`.
        initial: Rows that are already labelled.
        exclude: Rows that must not be picked.
        preselect: If given, only the `preselect * n` candidates with the highest
            scores may be picked, where n is the number of new frames.
        min_distance: See `farthest_point`; of the frames that preselection leaves.
        progress: Called with (frames chosen, budget).
        **distances: Options of `Distances`.

    Raises:
        UserError: As `farthest_point` and `check_options`, or if scores are missing.
    """
    size = len(check_shape(features))
    check_options(method, seed, bias, preselect, min_distance)
    scores = _check_scores(method, size, scores, preselect)
    initial, exclude = check_rows(size, initial, exclude)
    eligible = eligible_rows(size, exclude)
    budget = check_budgets(budget, initial, eligible)[-1]
    preselected: int | None = None
    if preselect is not None and scores is not None:
        free = int(np.delete(eligible, initial).sum())
        eligible = _preselect(scores, eligible, initial, preselect, budget)
        kept = int(eligible.sum())
        preselected = kept if kept < free else None
    ranked = scores if METHODS[method].scores else None
    if METHODS[method].distances:
        if ranked is not None:
            distances['bias'] = bias * ranked
        points = (choose_medoids if method == 'medoids' else farthest_point)(
            features,
            budget,
            seed=seed,
            initial=initial,
            exclude=exclude,
            candidates=None if preselect is None else np.flatnonzero(eligible),
            min_distance=min_distance,
            progress=progress,
            **distances,
        )
        score = None if scores is None else scores[points.order]
        return Selection(
            initial=len(initial), score=score, preselected=preselected, **vars(points)
        )
    chosen = _take_first(method, seed, budget, initial, eligible, scores)
    chosen.preselected = preselected
    if progress is not None:
        progress(budget, budget)
    return chosen


def check_budgets(
    budget: int | Sequence[int], initial: np.ndarray, eligible: np.ndarray
) -> list[int]:
    """Return the budgets in ascending order, each once.

    Raises:
        UserError: There is none or one cannot be reached, see `check_budget`.
    """
    budgets = np.atleast_1d(budget).tolist()
    for each in budgets or [0]:
        check_budget(each, initial, eligible)
    return sorted(set(budgets))


def check_options(
    method: str,
    seed: int = 0,
    bias: float = DEFAULT_BIAS,
    preselect: float | None = None,
    min_distance: float = 0.0,
) -> None:
    """Check the options that need no features or scores; see `select`.

    Raises:
        UserError: The method is unknown, a number is out of range, or options
            contradict each other.
    """
    if method not in METHODS:
        raise UserError(f'method={method!r}, expected one of {", ".join(METHODS)}')
    check_seed(seed)
    if not math.isfinite(bias):
        raise UserError(f'bias={bias} must be a finite number')
    if preselect is not None and not 1 <= preselect < math.inf:
        raise UserError(f'preselect={preselect} must be at least 1, and finite')
    check_min_distance(min_distance)
    if min_distance and not METHODS[method].distances:
        raise UserError(
            f'min_distance does not apply to method {method!r}, which measures no '
            "distances; use 'ds', 'ds_us' or 'medoids'"
        )


def _check_scores(
    method: str, size: int, scores: np.ndarray | None, preselect: float | None
) -> np.ndarray | None:
    """Return the scores as (N,) float64; raise UserError if needed and missing."""
    if METHODS[method].scores and scores is None:
        raise UserError(f'method {method!r} needs scores, one number per frame')
    if preselect is not None and scores is None:
        raise UserError('preselect needs scores, one number per frame')
    return None if scores is None else check_numbers(scores, size, 'scores')


def _preselect(
    scores: np.ndarray,
    eligible: np.ndarray,
    initial: np.ndarray,
    multiplier: float,
    budget: int,
) -> np.ndarray:
    """Return (N,) bool, the candidates with the highest scores."""
    free = eligible.copy()
    free[initial] = False
    count = int(round(multiplier * (budget - len(initial))))
    ranking = np.argsort(-scores, kind='stable')
    chosen = ranking[free[ranking]][:count]
    out = np.zeros_like(eligible)
    out[chosen] = True
    return out


def _take_first(
    method: str,
    seed: int,
    budget: int,
    initial: np.ndarray,
    eligible: np.ndarray,
    scores: np.ndarray | None,
) -> Selection:
    """Return the first eligible frames of a ranking."""
    if scores is not None and METHODS[method].scores:
        ranking = np.argsort(-scores, kind='stable')
    else:
        ranking = np.random.RandomState(seed).permutation(len(eligible))
    free = eligible.copy()
    free[initial] = False
    new = ranking[free[ranking]][: budget - len(initial)]
    order = np.concatenate([initial, new])
    return Selection(
        order=order,
        initial=len(initial),
        min_distance=np.full(len(order), np.nan),
        nearest=np.full(len(order), -1),
        score=None if scores is None else scores[order],
    )
