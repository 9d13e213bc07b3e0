"""Checks of the inputs besides the features, with messages for users."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmdepthseg.selection.features import name_rows
from mmdepthseg.utils.errors import UserError

Rows = Sequence[int] | np.ndarray
MAX_SEED = 2**32 - 1


def check_rows(
    size: int,
    initial: Rows,
    exclude: Rows,
    names: tuple[str, str] = ('initial', 'exclude'),
) -> tuple[np.ndarray, np.ndarray]:
    """Return both lists as int64 arrays of valid rows.

    Raises:
        UserError: A row is out of range, given twice, or in both lists.
    """
    lists = []
    for given, name in zip((initial, exclude), names, strict=True):
        rows = np.asarray(given)
        if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in 'iu'):
            raise ValueError(
                f'{name}: expected a list of row indices, got shape {rows.shape}, '
                f'{rows.dtype}'
            )
        rows = rows.astype(np.int64)
        wrong = rows[(rows < 0) | (rows >= size)]
        if len(wrong):
            raise UserError(
                f'{name}: {name_rows(wrong)} not in the pool, which has rows 0 to '
                f'{size - 1}'
            )
        values, counts = np.unique(rows, return_counts=True)
        if (counts > 1).any():
            raise UserError(
                f'{name}: {name_rows(values[counts > 1])} given more than once'
            )
        lists.append(rows)
    both = np.intersect1d(lists[0], lists[1])
    if len(both):
        raise UserError(
            f'{names[0]} and {names[1]} both hold {name_rows(both)}; a frame is '
            'either labelled or excluded'
        )
    return lists[0], lists[1]


def check_numbers(values: np.ndarray, size: int, name: str) -> np.ndarray:
    """Return one finite number per frame, as (N,) float64.

    Raises:
        UserError: For another length or shape, or values that are not finite.
    """
    values = np.asarray(values)
    if values.dtype.kind not in 'fiu':
        raise UserError(f'{name}: expected numbers, got {values.dtype}')
    values = values.astype(np.float64)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.shape != (size,):
        raise UserError(
            f'{name}: shape {values.shape}, but the pool has {size} frames; one value '
            'per frame is needed'
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise UserError(f'{name}: {name_rows(bad)} hold NaN or infinite values')
    return values


def check_seed(seed: int) -> None:
    """Raise UserError unless numpy accepts `seed` for a permutation."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= MAX_SEED:
        raise UserError(f'seed={seed} must be an integer from 0 to {MAX_SEED}')


def check_min_distance(min_distance: float) -> None:
    """Raise UserError unless it is 0 or more."""
    if not min_distance >= 0:
        raise UserError(f'min_distance={min_distance} must be 0 or more')


def check_budget(budget: int, initial: np.ndarray, eligible: np.ndarray) -> None:
    """Raise UserError unless `budget` frames can be chosen.

    Args:
        budget: Total number of frames.
        initial: Rows chosen already; they count towards the budget.
        eligible: (N,) bool, rows that may be picked.
    """
    if isinstance(budget, bool) or int(budget) != budget or budget < 1:
        raise UserError(f'budget={budget} must be a positive integer')
    if budget < len(initial):
        raise UserError(
            f'budget={budget} is less than the {len(initial)} initial frames, which '
            'count towards it'
        )
    free = eligible.copy()
    free[initial] = False
    left = int(np.count_nonzero(free))
    if budget > len(initial) + left:
        raise UserError(
            f'budget={budget} is more than the pool holds: {len(initial)} initial '
            f'frames and {left} that may be picked (of {len(eligible)}; the '
            'others are excluded or not preselected)'
        )


def check_selection(
    selection: Mapping,
    features: np.ndarray | None,
    names: Sequence[str] | None,
    image_paths: Sequence[str] | None,
) -> np.ndarray:
    """Return the order of a recorded selection, if the other inputs match it.

    Args:
        selection: Content of `selection.json`.
        features: Of all frames, or None.
        names: Of all frames, or None.
        image_paths: Of all frames, or None.

    Raises:
        ValueError: There is no order, or an input has a different number of rows.
    """
    if not selection.get('order'):
        raise ValueError(
            "selection: no 'order' in it, or an empty one; give the content of "
            'selection.json'
        )
    order = np.asarray(selection['order'], dtype=np.int64)
    given = {'features': features, 'names': names, 'image_paths': image_paths}
    sizes = {what: len(rows) for what, rows in given.items() if rows is not None}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f'rows differ: {", ".join(f"{k} {n}" for k, n in sizes.items())}; each '
            'must have one per frame'
        )
    for what, size in sizes.items():
        if order.max() >= size:
            raise ValueError(
                f'selection: row {order.max()} was chosen, but {what} have {size} '
                'rows; they belong to another pool'
            )
    for key in ('names', 'min_distance', 'nearest', 'score'):
        values = selection.get(key)
        if values is not None and len(values) != len(order):
            raise ValueError(
                f'selection: {len(values)} {key}, but {len(order)} in its order'
            )
    return order
