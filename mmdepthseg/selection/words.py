"""Selection by visual words: the chosen frames show all kinds of content.

The features of all places of all frames are clustered (k-means); a cluster is a visual
word (Sivic and Zisserman, ICCV 2003). Each pick maximises the sum, over the words, of
the square root of how often the chosen frames show it: a word counts less the more
often it is there already, so that rare ones are looked for (feature-based submodular
functions; Wei, Iyer and Bilmes, ICML 2014). The lowest row wins ties.
"""

from typing import Any

import numpy as np

from mmdepthseg.selection.checks import Rows
from mmdepthseg.selection.farthest.farthest_point import FarthestPoints, Progress
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.greedy import Greedy, check_inputs
from mmdepthseg.utils.errors import UserError

#: About as many as kinds of things that a street shows.
WORDS = 20
#: Most places that are clustered, and most repetitions of the clustering.
SAMPLES, ROUNDS = 20000, 100


def choose_words(
    features: np.ndarray,
    budget: int,
    *,
    seed: int = 0,
    initial: Rows = (),
    exclude: Rows = (),
    candidates: Rows | None = None,
    min_distance: float = 0.0,
    progress: Progress | None = None,
    words: int = WORDS,
    **distances: Any,
) -> FarthestPoints:
    """Choose `budget` frames that show all kinds of content.

    Args:
        features: (N, C, H, W), see `FeaturePool`: C numbers for each of H x W places.
        budget: Number of frames, including the initial ones.
        seed: Of the clustering.
        initial: Rows chosen already.
        exclude: Rows that must not be picked.
        candidates: Rows that may be picked (preselection); None for all.
        min_distance: Picks are at least this far from the chosen frames; the
            selection ends early if no candidate is.
        progress: Called with (frames chosen, budget) after each frame.
        words: Number of words, at most that of the places.
        **distances: `normalize` of `Distances`; the work is done on the CPU.

    Returns:
        The chosen frames.

    Raises:
        UserError: As `farthest_point`; or features have no places, or an option does
            not apply.
    """
    lists = (initial, exclude, candidates)
    pool, given, _, eligible = check_inputs(
        'words', features, budget, seed, lists, min_distance, distances
    )
    if pool.image_shape is None:
        raise UserError(
            f"features {(pool.size, pool.dims)}: method 'words' needs those of the "
            'places of each frame, (N, C, H, W)'
        )
    places = pool.size * pool.dims // pool.image_shape[0]
    if isinstance(words, bool) or int(words) != words or not 1 <= words <= places:
        raise UserError(
            f'words={words} must be a number from 1 to that of the places, {places}'
        )
    shares = count_words(pool, find_words(pool, words, seed))
    return _Words(pool, shares, eligible).run(budget, given, min_distance, progress)


def find_words(pool: FeaturePool, words: int, seed: int) -> np.ndarray:
    """Cluster the features of a sample of places by k-means.

    Lloyd's algorithm, started by k-means++.

    Args:
        pool: N frames, with places.
        words: Number of clusters K.
        seed: Of the sample, and of the K places with which the clustering starts.

    Returns:
        (K, C) float64, the clusters' means of normalised features.
    """
    random = np.random.RandomState(seed)
    places = pool.dims // pool.image_shape[0]  # type: ignore[index]
    chosen = random.permutation(pool.size * places)[: max(SAMPLES, words)]
    frames, inside = np.divmod(np.sort(chosen), places)
    sample = np.empty((len(chosen), pool.image_shape[0]))  # type: ignore[index]
    for start in range(0, len(chosen), pool.block_rows):
        part = slice(start, start + pool.block_rows)
        rows, place = np.unique(frames[part], return_inverse=True)
        sample[part] = _by_place(pool, rows)[place, inside[part]]
    centers = _spread(sample, words, random)
    for _ in range(ROUNDS):
        nearest = _nearest(sample, centers)
        count = np.bincount(nearest, minlength=words)
        total = np.zeros_like(centers)
        np.add.at(total, nearest, sample)
        # a word without places stays where it was
        there = count > 0
        moved = np.where(there[:, None], total / np.maximum(count, 1)[:, None], centers)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers


def count_words(pool: FeaturePool, centers: np.ndarray) -> np.ndarray:
    """Return the share of each frame's places that show each word, (N, K) float64."""
    words = len(centers)
    shares = np.empty((pool.size, words))
    for rows in pool.blocks():
        places = _by_place(pool, rows)
        frames, count, channels = places.shape
        nearest = _nearest(places.reshape(-1, channels), centers).reshape(frames, -1)
        nearest += words * np.arange(frames)[:, None]
        counts = np.bincount(nearest.ravel(), minlength=frames * words)
        shares[rows] = counts.reshape(frames, words) / count
    return shares


class _Words(Greedy):
    """Frames chosen so far, and how often they show each word.

    Args:
        pool: N frames.
        shares: (N, K), see `count_words`.
        eligible: (N,) bool, rows that may be picked; changed in place.
    """

    route = 'words'

    def __init__(
        self, pool: FeaturePool, shares: np.ndarray, eligible: np.ndarray
    ) -> None:
        super().__init__(pool, eligible)
        self._shares = shares
        self._shown = np.zeros(shares.shape[1])

    def best(self) -> int | None:
        """Return the row that gains most, None if no candidate is left."""
        rows = np.flatnonzero(self.eligible)
        if not len(rows):
            return None
        return int(rows[np.sqrt(self._shown + self._shares[rows]).sum(axis=1).argmax()])

    def choose(self, row: int) -> None:
        """Add a row to the chosen ones."""
        super().choose(row)
        self._shown += self._shares[row]


def _spread(
    points: np.ndarray, count: int, random: np.random.RandomState
) -> np.ndarray:
    """Draw points as centres, far from each other (k-means++).

    Each is drawn by its squared distance to the nearest one before (Arthur and
    Vassilvitskii, SODA 2007), so that rare content gets a centre as well.
    """
    chosen = [random.randint(len(points))]
    squared = np.full(len(points), np.inf)
    while len(chosen) < count:
        change = points - points[chosen[-1]]
        np.minimum(squared, np.einsum('ij,ij->i', change, change), out=squared)
        squared[chosen] = 0
        total = np.cumsum(squared)
        if total[-1] > 0:
            place = np.searchsorted(total, random.random_sample() * total[-1], 'right')
        else:  # all that are left are equal to chosen ones
            place = np.setdiff1d(np.arange(len(points)), chosen)[0]
        chosen.append(int(place))
    return points[chosen]


def _by_place(pool: FeaturePool, rows: np.ndarray | slice) -> np.ndarray:
    """Return normalised features place by place: (len(rows), H * W, C) float64."""
    values = pool.normalized(rows)
    channels = pool.image_shape[0]  # type: ignore[index]
    return values.reshape(len(values), channels, -1).transpose(0, 2, 1)


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the nearest centre of each point: (P, C), (K, C) -> (P,) int64."""
    distance = np.einsum('ij,ij->i', centers, centers) - 2 * points @ centers.T
    return distance.argmin(axis=1)
