"""Measurements of the feature space for the page of a selection.

All distances are Euclidean distances between normalised features (`FeaturePool`), as in
farthest point selection, in float64.
"""

from dataclasses import dataclass

import numpy as np

from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.methods import select

#: Largest number of frames to fit a plane to; the Gram matrix has its square.
PLANE_FRAMES = 1000
#: Number of random selections to compare with; bounds of the frames and of the
#: multiply-adds used to measure coverage.
DRAWS = 8
LEAST_FRAMES, MOST_FRAMES = 1000, 20000
COVERAGE_WORK = 4e10
#: Limit of the float64 features held at once; it takes precedence over the above.
HELD_BYTES = 128 * 2**20
_BLOCK = 64
#: A direction with less than this share of the variance is rounding error.
_NO_VARIANCE = 1e-12


@dataclass
class Plane:
    """The plane of most variance (principal component analysis).

    Attributes:
        center: (D,) float64, mean of the fitted frames.
        axes: (D, 2) float64, orthonormal; a column of zeros where there is no
            variance left.
        share: (2,) share of the variance along each axis, 0 to 1.
        frames: Number of fitted frames.
    """

    center: np.ndarray
    axes: np.ndarray
    share: np.ndarray
    frames: int

    def project(self, pool: FeaturePool, rows: np.ndarray) -> np.ndarray:
        """Return the coordinates of frames in feature units, (R, 2) float64."""
        out = np.empty((len(rows), 2))
        for start in range(0, len(rows), pool.block_rows):
            part = slice(start, start + pool.block_rows)
            out[part] = (pool.normalized(rows[part]) - self.center) @ self.axes
        return out


@dataclass
class Coverage:
    """Distances from the pool to the chosen frames, by number of chosen frames.

    The distance of a frame is that to the nearest chosen one.

    Attributes:
        counts: (S,) int64, numbers of chosen frames, ascending by 1.
        mean, largest: (1 + R, S) float64, distance over the measured frames, for the
            selection and R random ones.
        seeds: Of the random selections.
        frames: Number of measured frames.
        pool: Number of frames to be covered, without the excluded ones.
    """

    counts: np.ndarray
    mean: np.ndarray
    largest: np.ndarray
    seeds: list[int]
    frames: int
    pool: int


def thin_out(rows: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` of `rows`, drawn with a fixed seed, in ascending order."""
    if len(rows) > count:
        rows = np.random.RandomState(0).choice(rows, count, replace=False)
    return np.sort(rows)


def fit_plane(pool: FeaturePool) -> Plane:
    """Return the plane of most variance of (a sample of) the pool.

    The sign of each axis is chosen so that its largest entry is positive.
    """
    rows = thin_out(np.arange(pool.size), _held(pool, PLANE_FRAMES))
    data = pool.normalized(rows)
    center = data.mean(axis=0)
    data -= center
    # Squares must not overflow.
    data /= np.abs(data).max() or 1.0
    gram = data @ data.T
    total = gram.trace()
    values, vectors = np.linalg.eigh(gram)
    axes, share = np.zeros((pool.dims, 2)), np.zeros(2)
    for place, value in enumerate(values[:-3:-1]):
        if value > _NO_VARIANCE * total:
            axis = data.T @ vectors[:, -1 - place] / np.sqrt(value)
            axes[:, place] = axis * np.sign(axis[np.abs(axis).argmax()])
            share[place] = value / total
    return Plane(center, axes, share, len(rows))


def measure_coverage(
    pool: FeaturePool,
    order: np.ndarray,
    initial: int,
    exclude: np.ndarray,
    seed: int,
    draws: int = DRAWS,
) -> Coverage:
    """Measure coverage by a selection and by random ones of the same size.

    Large pools are sampled with a fixed seed, which bounds time and memory.

    Args:
        pool: The frames.
        order: (K,) int64, the chosen frames.
        initial: Number of given frames; random selections start with them, too.
        exclude: Rows that are neither to be covered nor drawn.
        seed: Of the selection; the random ones use others.
        draws: Number of random selections.
    """
    covered = np.setdiff1d(np.arange(pool.size), exclude)
    most = COVERAGE_WORK / ((draws + 1) * len(order) * pool.dims)
    most = int(np.clip(most, LEAST_FRAMES, MOST_FRAMES))
    rows = thin_out(covered, _held(pool, most))
    seeds = [other for other in range(draws + 1) if other != seed][:draws]
    given, count = order[:initial], len(order)
    orders = [order] + [
        select(
            pool.array, 'random', count, seed=other, initial=given, exclude=exclude
        ).order
        for other in seeds
    ]
    held = pool.normalized(rows)
    # A common offset would cost the products digits.
    center = held.mean(axis=0)
    held -= center
    first = max(1, initial)
    curves = [
        _curves(pool, each, rows, held, center)[:, first - 1 :] for each in orders
    ]
    mean, largest = np.stack(curves, axis=1)
    counts = np.arange(first, len(order) + 1)
    return Coverage(counts, mean, largest, seeds, len(rows), len(covered))


def nearest_before(
    pool: FeaturePool, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest earlier pick of each pick, for methods without distances.

    Args:
        pool: The frames.
        order: (K,) int64, the chosen frames.

    Returns:
        (K,) int64, the place in `order`, and (K,) float64, the distance; -1 and NaN
        for the first.
    """
    count = len(order)
    place, distance = np.full(count, -1), np.full(count, np.nan)
    for start in range(0, count, _BLOCK):
        after = np.arange(start, min(start + _BLOCK, count))
        right, squared = pool.normalized(order[after]), []
        for other in range(0, after[-1] + 1, _BLOCK):
            before = np.arange(other, min(other + _BLOCK, count))
            squared.append(_squared(right, pool.normalized(order[before])))
            squared[-1][after[:, None] <= before] = np.inf
        place[after] = np.concatenate(squared, axis=1).argmin(axis=1)
    place[0] = -1
    nearest = order[place[1:]]
    distance[1:] = np.sqrt(pool.exact_squared(nearest, order[1:]))
    return place, distance


def _curves(
    pool: FeaturePool,
    order: np.ndarray,
    rows: np.ndarray,
    held: np.ndarray,
    center: np.ndarray,
) -> np.ndarray:
    """Return mean and largest distance to the first 1, 2, ... of `order`: (2, K).

    Args:
        pool: All frames.
        order: (K,) the chosen frames.
        rows: (M,) the frames to be covered.
        held: (M, D) their features minus `center`.
        center: (D,).
    """
    nearest = np.full(len(rows), np.inf)
    out = np.empty((2, len(order)))
    for start in range(0, len(order), _BLOCK):
        part = slice(start, start + _BLOCK)
        squared = _squared(pool.normalized(order[part]) - center, held)
        squared[order[part, None] == rows] = 0.0
        np.minimum(squared[0], nearest, out=squared[0])
        np.minimum.accumulate(squared, axis=0, out=squared)
        nearest = squared[-1].copy()
        distance = np.sqrt(squared, out=squared)
        out[:, part] = distance.mean(axis=1), distance.max(axis=1)
    return out


def _held(pool: FeaturePool, count: int) -> int:
    """Return `count`, limited to the frames that may be held at once."""
    return max(2, min(count, HELD_BYTES // (8 * pool.dims)))


def _squared(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return squared distances, by products: (B, D), (R, D) -> (B, R) float64."""
    out = left @ right.T
    out *= -2
    out += np.einsum('ij,ij->i', left, left)[:, None]
    out += np.einsum('ij,ij->i', right, right)
    return np.maximum(out, 0, out=out)
