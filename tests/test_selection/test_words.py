import numpy as np
import pytest

from mmdepthseg.selection import FeaturePool, choose_words, select
from mmdepthseg.selection.words import count_words, find_words

RANDOM = np.random.default_rng(5)
#: Kinds of content, far from each other, and how many of 80 frames show each in one
#: of their 2x3 places; all else is of the first kind.
KINDS = 30 * RANDOM.standard_normal((6, 4))
SHOWN = {1: range(0, 60, 2), 2: range(5, 40, 5), 3: (11, 71), 4: (71,), 5: (33,)}


def kinds_of_places():
    kinds = np.zeros((80, 6), int)
    for kind, frames in SHOWN.items():
        kinds[[*frames], kind] = kind
    return kinds


def features():
    values = KINDS[kinds_of_places()] + 0.1 * RANDOM.standard_normal((80, 6, 4))
    return values.transpose(0, 2, 1).reshape(80, 4, 2, 3).astype(np.float32)


FEATURES = features()


def by_formula(shares, budget, initial=(), allowed=range(80)):
    """Pick what makes the sum of the square roots of the shown shares largest."""
    order = list(initial)
    while len(order) < budget:
        gains = {
            row: np.sqrt(shares[[*order, row]].sum(axis=0)).sum()
            for row in allowed
            if row not in order
        }
        order.append(max(gains, key=gains.get))
    return order


def shares_of(words, seed=0):
    pool = FeaturePool(FEATURES)
    return count_words(pool, find_words(pool, words, seed))


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(initial=[71, 3], exclude=[0, 33]),
        dict(candidates=[*range(30), 71]),
    ],
)
def test_picks_are_those_of_the_formula(options):
    chosen = choose_words(FEATURES, 12, words=9, seed=4, **options)
    allowed = set(options.get('candidates', range(80))) - {*options.get('exclude', ())}
    given = options.get('initial', ())
    expected = by_formula(shares_of(9, 4), 12, given, sorted(allowed))
    assert chosen.order.tolist() == expected
    data = FEATURES.reshape(80, -1) / FEATURES.transpose(1, 0, 2, 3).reshape(4, -1).std(
        axis=1, ddof=1
    ).repeat(6)
    for place in range(max(len(given), 1), 12):
        before = np.linalg.norm(data[expected[:place]] - data[expected[place]], axis=1)
        assert chosen.min_distance[place] == pytest.approx(before.min(), rel=1e-5)
        assert chosen.nearest[place] == expected[before.argmin()]


def test_words_are_the_kinds_of_content():
    shares = shares_of(6, seed=next(s for s in range(99) if whole(s)))
    kinds = kinds_of_places()
    expected = np.stack([np.bincount(row, minlength=6) / 6 for row in kinds])
    order = [
        np.flatnonzero((shares == column[:, None]).all(0)) for column in expected.T
    ]
    assert sorted(np.concatenate(order).tolist()) == [*range(6)]


def whole(seed):
    """Tell whether the clustering started from each kind once."""
    centers = find_words(FeaturePool(FEATURES), 6, seed)
    scale = KINDS[kinds_of_places()].reshape(-1, 4).std(axis=0)
    kinds = np.linalg.norm(centers[:, None] - (KINDS / scale)[None], axis=2).argmin(1)
    return len({*kinds.tolist()}) == 6


def test_clusters_do_not_move_any_further():
    """Each is the mean of its places, each place with the nearest (Lloyd)."""
    pool = FeaturePool(FEATURES)
    for seed in range(3):
        centers = find_words(pool, 8, seed)
        places = pool.normalized(slice(None)).reshape(80, 4, 6).transpose(0, 2, 1)
        places = places.reshape(-1, 4)
        nearest = np.linalg.norm(places[:, None] - centers[None], axis=2).argmin(axis=1)
        for word in np.unique(nearest):
            mean = places[nearest == word].mean(axis=0)
            assert centers[word] == pytest.approx(mean, abs=1e-9)


def test_rare_content_is_found_first():
    """What one frame of 80 shows is among the first three; at random by chance."""
    for seed in range(5):
        first = choose_words(FEATURES, 4, words=8, seed=seed).order.tolist()
        assert {33, 71} <= {*first}, seed
    assert not {33, 71} <= {*select(FEATURES, 'medoids', 4).order.tolist()}


def test_smaller_budgets_are_prefixes_and_seeds_differ():
    chosen = select(FEATURES, 'words', [4, 12], seed=3, words=12)
    assert (
        chosen.order.tolist()
        == choose_words(FEATURES, 12, seed=3, words=12).order.tolist()
    )
    again = choose_words(FEATURES, 12, seed=3, words=12, initial=chosen.order[:4])
    assert again.order.tolist() == chosen.order.tolist()
    others = [
        choose_words(FEATURES, 12, seed=seed, words=12).order.tolist()
        for seed in range(4)
    ]
    assert any(other != chosen.order.tolist() for other in others)


def test_the_sample_of_places_is_drawn_by_the_seed(monkeypatch):
    """A pool with more places than are clustered; rows are read in blocks."""
    monkeypatch.setattr('mmdepthseg.selection.words.SAMPLES', 100)
    pool = FeaturePool(FEATURES)
    pool.block_rows = 7
    random = np.random.RandomState(5)
    places = pool.normalized(slice(None)).reshape(80, 4, 6).transpose(0, 2, 1)
    sample = places.reshape(-1, 4)[np.sort(random.permutation(480)[:100])]
    centers = find_words(pool, 100, 5)
    # as many words as places: each is one of them
    assert np.unique(centers, axis=0) == pytest.approx(np.unique(sample, axis=0))
    whole = count_words(pool, centers)
    pool.block_rows = 1000
    assert np.array_equal(whole, count_words(pool, centers))
    assert whole.sum(axis=1) == pytest.approx(np.ones(80))


def test_minimum_distance_ends_early():
    chosen = choose_words(FEATURES, 80, words=6, min_distance=1.0)
    assert chosen.stopped and len(chosen.order) < 80
    assert np.nanmin(chosen.min_distance) >= 1


@pytest.mark.parametrize(
    ('features', 'options', 'message'),
    [
        (FEATURES.reshape(80, -1), {}, r'\(80, 24\): .*words.*places.*\(N, C, H, W\)'),
        (FEATURES, dict(words=0), 'words=0 must be .* 1 to .* 480'),
        (FEATURES, dict(words=481), 'words=481'),
        (FEATURES, dict(words=2.5), 'words=2.5'),
        (FEATURES, dict(distance='patch'), "distance='patch' does not apply.*words"),
        (FEATURES, dict(budget=81), 'budget=81'),
        (FEATURES, dict(seed=-1), 'seed=-1'),
    ],
)
def test_errors(features, options, message):
    with pytest.raises(ValueError, match=message):
        choose_words(features, **{'budget': 5, **options})
