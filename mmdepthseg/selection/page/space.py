"""What the page of a selection shows of the feature space: a plane, and coverage.

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
        """Coordinates of frames, feature units: (R, 2) float64."""
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
        mean, largest: (S,) float64, over the measured frames.
        random_mean, random_largest: (R, S) float64, the same for R random selections.
        seeds: Of the random selections.
        frames: How many frames were measured.
        pool: Of how many (the excluded ones are not to be covered).
    """

    counts: np.ndarray
    mean: np.ndarray
    largest: np.ndarray
    random_mean: np.ndarray
    random_largest: np.ndarray
    seeds: list[int]
    frames: int
    pool: int


def thin_out(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of `rows`, drawn with a fixed seed, in ascending order."""
    if len(rows) > count:
        rows = np.random.RandomState(0).choice(rows, count, replace=False)
    return np.sort(rows)


def fit_plane(pool: FeaturePool) -> Plane:
    """The plane of most variance of (a sample of) the pool.

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
    values, vectors = values[:-3:-1], vectors[:, :-3:-1]
    axes, share = np.zeros((pool.dims, 2)), np.zeros(2)
    for place, value in enumerate(values):
        if value > _NO_VARIANCE * total:
            axis = data.T @ vectors[:, place] / np.sqrt(value)
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
    """Coverage by a selection and by random ones of the same size.

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
    given = order[:initial]
    orders = [order] + [
        select(
            pool.array, 'random', len(order), seed=s, initial=given, exclude=exclude
        ).order
        for s in seeds
    ]
    sample = _Sample(pool, rows)
    first = max(1, initial)
    curves = np.stack([sample.curves(each)[:, first - 1 :] for each in orders])
    return Coverage(
        counts=np.arange(first, len(order) + 1),
        mean=curves[0, 0],
        largest=curves[0, 1],
        random_mean=curves[1:, 0],
        random_largest=curves[1:, 1],
        seeds=seeds,
        frames=len(rows),
        pool=len(covered),
    )


def nearest_before(
    pool: FeaturePool, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of the frames chosen before, for selections that measured none.

    Args:
        pool: The frames.
        order: (K,) int64, the chosen ones.

    Returns:
        (K,) int64, its place in `order`, and (K,) float64, the distance to it; -1
        and NaN for the first.
    """
    count = len(order)
    best, place = np.full(count, np.inf), np.full(count, -1)
    for start in range(0, count, _BLOCK):
        before = np.arange(start, min(start + _BLOCK, count))
        left = pool.normalized(order[before])
        for other in range(start, count, _BLOCK):
            after = np.arange(other, min(other + _BLOCK, count))
            right = pool.normalized(order[after])
            squared = _squared(left, right, _lengths(right))
            squared[before[:, None] >= after] = np.inf
            winner = squared.argmin(axis=0)
            least = squared[winner, np.arange(len(after))]
            nearer = least < best[after]
            best[after[nearer]] = least[nearer]
            place[after[nearer]] = before[winner[nearer]]
    distance = np.full(count, np.nan)
    known = place >= 0
    distance[known] = np.sqrt(pool.exact_squared(order[place[known]], order[known]))
    return place, distance


class _Sample:
    """Frames to be covered, held in memory.

    Args:
        pool: All frames.
        rows: (M,) the ones to be covered, ascending.
    """

    def __init__(self, pool: FeaturePool, rows: np.ndarray) -> None:
        self._pool, self._rows = pool, rows
        self._held = pool.normalized(rows)
        # A common offset would cost the products digits.
        self._center = self._held.mean(axis=0)
        self._held -= self._center
        self._lengths = _lengths(self._held)

    def curves(self, order: np.ndarray) -> np.ndarray:
        """Mean and largest distance to the first 1, 2, ... of `order`: (2, K)."""
        nearest = np.full(len(self._rows), np.inf)
        out = np.empty((2, len(order)))
        for start in range(0, len(order), _BLOCK):
            part = slice(start, start + _BLOCK)
            chosen = order[part]
            vectors = self._pool.normalized(chosen) - self._center
            squared = _squared(vectors, self._held, self._lengths)
            squared[chosen[:, None] == self._rows] = 0.0
            np.minimum(squared[0], nearest, out=squared[0])
            np.minimum.accumulate(squared, axis=0, out=squared)
            nearest = squared[-1].copy()
            distance = np.sqrt(squared, out=squared)
            out[0, part] = distance.mean(axis=1)
            out[1, part] = distance.max(axis=1)
        return out


def _held(pool: FeaturePool, count: int) -> int:
    """`count`, or as many frames as may be held at once."""
    return max(2, min(count, HELD_BYTES // (8 * pool.dims)))


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Squared lengths of rows: (R, D) to (R,)."""
    return np.einsum('ij,ij->i', vectors, vectors)


def _squared(left: np.ndarray, right: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Squared distances by products, all float64.

    Args:
        left: (B, D).
        right: (R, D).
        lengths: (R,) squared, of `right`.

    Returns:
        (B, R).
    """
    out = left @ right.T
    out *= -2
    out += _lengths(left)[:, None]
    out += lengths
    return np.maximum(out, 0, out=out)
