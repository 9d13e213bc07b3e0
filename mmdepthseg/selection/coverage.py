"""Measure what the page of a selection shows of the feature space.

All distances are Euclidean between normalised features, as farthest point measures
them (`FeaturePool`), in float64.
"""

from dataclasses import dataclass

import numpy as np

from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.methods import select

#: Frames a plane is fitted to, at most; its Gram matrix has their number squared.
PLANE_FRAMES = 1000
#: Random selections to compare with; the least and most frames and the multiply-adds
#: that measuring coverage may take.
DRAWS = 8
LEAST_FRAMES, MOST_FRAMES = 1000, 20000
COVERAGE_WORK = 4e10
#: Of float64 features held at once; goes before the numbers of frames.
HELD_BYTES = 128 * 2**20
_BLOCK = 64
#: A direction with less than this share of the variance is rounding.
_NO_VARIANCE = 1e-12


@dataclass
class Plane:
    """The plane of most variance (principal component analysis).

    Attributes:
        center: (D,) float64, mean of the frames it was fitted to.
        axes: (D, 2) float64, orthonormal; a column of zeros where there is no
            variance left.
        share: (2,) of the variance, 0 to 1, along each axis.
        frames: How many frames it was fitted to.
    """

    center: np.ndarray
    axes: np.ndarray
    share: np.ndarray
    frames: int

    def project(self, pool: FeaturePool, rows: np.ndarray) -> np.ndarray:
        """Return coordinates of frames, feature units: (R, 2) float64."""
        out = np.empty((len(rows), 2))
        for start in range(0, len(rows), pool.block_rows):
            part = slice(start, start + pool.block_rows)
            out[part] = (pool.normalized(rows[part]) - self.center) @ self.axes
        return out


@dataclass
class Coverage:
    """How near the pool is to the chosen frames, over their number.

    The distance of a frame is that to the nearest chosen one.

    Attributes:
        counts: (S,) int64, numbers of chosen frames, ascending by 1.
        mean, largest: (1 + R, S) float64, over the measured frames: of the selection
            and of R random ones.
        seeds: Of the random selections.
        frames: How many frames were measured.
        pool: Of how many (the excluded ones are not to be covered).
    """

    counts: np.ndarray
    mean: np.ndarray
    largest: np.ndarray
    seeds: list[int]
    frames: int
    pool: int


def thin_out(rows: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` of `rows`, drawn with a fixed seed, ascending."""
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

    A large pool is sampled, with a fixed seed, so that time and memory are bounded.

    Args:
        pool: The frames.
        order: (K,) int64, the chosen ones.
        initial: How many of them were given; random selections have them, too.
        exclude: Rows that neither are to be covered nor drawn.
        seed: Of the selection; not used again.
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
    """Find the nearest of the frames chosen before, for methods that measure none.

    Args:
        pool: The frames.
        order: (K,) int64, the chosen ones.

    Returns:
        (K,) int64, its place in `order`, and (K,) float64, the distance to it; -1
        and NaN for the first.
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
        order: (K,) the chosen ones.
        rows: (M,) the ones to be covered.
        held: (M, D) their features, less `center`.
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
    """Return `count`, or as many frames as may be held at once."""
    return max(2, min(count, HELD_BYTES // (8 * pool.dims)))


def _squared(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return squared distances by products: (B, D) and (R, D) to (B, R) float64."""
    out = left @ right.T
    out *= -2
    out += np.einsum('ij,ij->i', left, left)[:, None]
    out += np.einsum('ij,ij->i', right, right)
    return np.maximum(out, 0, out=out)
