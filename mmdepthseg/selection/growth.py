"""Selection in steps: choose frames, train on them, choose more.

3W, section 3.5. A method with scores needs a student network trained on the frames
chosen so far, so there is one step per budget: the frames of step k are chosen with a
student of the earlier ones. This module deals only with numbers; the scorer trains.

In the first step nothing is chosen, so there is no student. The authors' published
lists (Cityscapes, seeds 42 to 44) show what they did: the first 25 frames of "us" and
"entropy" are the first 25 of the seeded permutation, and the first 25 of "ds_us" are
those of "ds". So a step without scores uses the method without scores. If frames are
already labelled, there is a student from the first step on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdepthseg.selection.checks import Rows, check_rows
from mmdepthseg.selection.farthest.farthest_point import eligible_rows
from mmdepthseg.selection.features import check_shape
from mmdepthseg.selection.methods import METHODS, Selection, check_budgets, select
from mmdepthseg.utils.errors import UserError

#: Rows chosen so far -> (N,) scores. Scores of rows that may not be picked are not used
#: and may be NaN.
Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass
class Step:
    """One step of the growth.

    Attributes:
        known: Number of frames chosen before.
        budget: Number of frames after it, unless a minimum distance ends it.
        method: The method used, see the text of the module.
        scores: (N,) from the student of the known frames, or None.
    """

    known: int
    budget: int
    method: str
    scores: np.ndarray | None = None


def grow(
    features: np.ndarray,
    method: str,
    budgets: int | Sequence[int],
    scorer: Scorer | None = None,
    *,
    seed: int = 0,
    initial: Rows = (),
    exclude: Rows = (),
    preselect: float | None = None,
    **options: Any,
) -> tuple[Selection, list[Step]]:
    """Choose frames in steps, with scores that depend on those chosen before.

    Args:
        features: See `select`.
        method: See `select`; one without scores, and without `preselect`, takes a
            single step.
        budgets: Total number of frames after each step, including the initial ones.
        scorer: Called with the rows chosen so far, once per step that has any.
        seed: See `select`.
        initial: Rows that are already labelled.
        exclude: Rows that must not be picked.
        preselect: See `select`; has no effect on a step without scores.
        **options: Other options of `select`.

    Returns:
        The selection and its steps. Its `score` is the one a frame was picked by, NaN
        in a step without scores; None if no step had scores.

    Raises:
        UserError: As `select`, for all budgets, before the scorer is called.
    """
    size = len(check_shape(features))
    initial, exclude = check_rows(size, initial, exclude)
    budgets = check_budgets(budgets, initial, eligible_rows(size, exclude))
    if not needs_scores(method, preselect):
        budgets, scorer = budgets[-1:], None
    elif scorer is None:
        raise ValueError(f'method {method!r} needs a scorer')
    chosen = initial
    parts: list[Selection] = []
    steps: list[Step] = []
    for budget in budgets:
        if parts and budget == len(chosen):
            continue
        step = Step(len(chosen), budget, method)
        if scorer is not None:
            _score(step, chosen, scorer)
        part = select(
            features,
            step.method,
            budget,
            seed=seed,
            initial=chosen,
            exclude=exclude,
            scores=_usable(step.scores),
            preselect=None if step.scores is None else preselect,
            **options,
        )
        parts.append(part)
        steps.append(step)
        chosen = part.order
        if part.stopped:
            break
    return _join(parts, len(initial)), steps


def needs_scores(method: str, preselect: float | None = None) -> bool:
    """Tell whether a method, with or without preselection, uses scores.

    Raises:
        UserError: For an unknown method.
    """
    if method not in METHODS:
        raise UserError(f'method={method!r}, expected one of {", ".join(METHODS)}')
    return METHODS[method].scores or preselect is not None


def _score(step: Step, chosen: np.ndarray, scorer: Scorer) -> None:
    """Set the scores of a step, or else the method without scores."""
    if 0 < len(chosen) < step.budget:
        step.scores = np.asarray(scorer(chosen), dtype=np.float64)
    elif METHODS[step.method].scores:
        step.method = 'ds' if METHODS[step.method].distances else 'random'


def _usable(scores: np.ndarray | None) -> np.ndarray | None:
    return None if scores is None else np.where(np.isnan(scores), 0.0, scores)


def _join(parts: list[Selection], initial: int) -> Selection:
    """Return one selection of what each step added."""
    last = parts[-1]
    scored = any(part.score is not None for part in parts)

    def joined(name: str) -> np.ndarray:
        arrays = []
        for number, part in enumerate(parts):
            values = getattr(part, name)
            if values is None:
                values = np.full(len(part.order), np.nan)
            arrays.append(values[part.initial if number else 0 :])
        return np.concatenate(arrays)

    score = joined('score') if scored else None
    if score is not None:
        score[:initial] = np.nan
    return Selection(
        order=last.order,
        initial=initial,
        min_distance=joined('min_distance'),
        nearest=joined('nearest'),
        score=score,
        stopped=last.stopped,
        preselected=last.preselected,
        route=last.route,
        pairs=sum(part.pairs for part in parts),
    )
