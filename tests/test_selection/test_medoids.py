import numpy as np
import pytest

from mmdepthseg.selection import FeaturePool, choose_medoids, select
from mmdepthseg.selection import medoids as module
from mmdepthseg.selection.coverage import measure_coverage

RANDOM = np.random.default_rng(4)
#: Most frames alike, some of a second kind, a few unlike all others.
FEATURES = np.concatenate(
    [
        RANDOM.standard_normal((150, 6)),
        RANDOM.standard_normal((60, 6)) + 8,
        20 * RANDOM.standard_normal((5, 6)),
    ]
).astype(np.float32)
SIZE = len(FEATURES)
DISTANCES = np.linalg.norm(
    FEATURES[:, None].astype(np.float64) - FEATURES[None], axis=2
)


def by_formula(budget, initial=(), exclude=(), candidates=None, covered=None):
    """Pick what makes the sum of distances to the nearest chosen frame least."""
    covered = np.setdiff1d(np.arange(SIZE), exclude) if covered is None else covered
    order = list(initial)
    while len(order) < budget:
        costs = {
            row: DISTANCES[[*order, row]][:, covered].min(axis=0).sum()
            for row in range(SIZE)
            if row not in (*order, *exclude)
            and (candidates is None or row in candidates)
        }
        order.append(min(costs, key=costs.get))
    return order


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(initial=[210, 3], exclude=[0, *range(152, 209)]),
        dict(candidates=[*range(5, 40), 170, 214]),
    ],
)
def test_picks_are_those_of_the_formula(options):
    chosen = choose_medoids(FEATURES, 9, **options)
    order = by_formula(9, **options)
    assert chosen.order.tolist() == order
    given = len(options.get('initial', ()))
    assert np.isnan(chosen.min_distance[: max(given, 1)]).all()
    for place in range(max(given, 1), 9):
        before = DISTANCES[order[place], order[:place]]
        assert chosen.min_distance[place] == pytest.approx(before.min())
        assert chosen.nearest[place] == order[before.argmin()]
    assert chosen.nearest[: max(given, 1)].tolist() == [-1] * max(given, 1)
    assert not chosen.stopped
    assert chosen.order.dtype == np.int64


def test_smaller_budgets_are_prefixes_whatever_the_seed():
    chosen = select(FEATURES, 'medoids', [4, 12], seed=3)
    assert chosen.order.tolist() == choose_medoids(FEATURES, 12, seed=8).order.tolist()
    assert chosen.order[:4].tolist() == choose_medoids(FEATURES, 4).order.tolist()
    again = choose_medoids(FEATURES, 12, initial=chosen.order[:4])
    assert again.order.tolist() == chosen.order.tolist()


def test_usual_frames_first():
    """The first stand for the two kinds, as their frames do; the rest comes late."""
    order = choose_medoids(FEATURES, 5).order
    assert [(row >= 150) + (row >= 210) for row in order[:2]] == [0, 1]
    farthest = select(FEATURES, 'ds', 5).order
    assert (farthest >= 210).sum() == 4
    pool = FeaturePool(FEATURES)
    means = [
        measure_coverage(pool, rows, 0, np.array([], int), seed=0).mean
        for rows in (order, farthest)
    ]
    assert means[0][0, -1] < 0.8 * means[0][1:, -1].min()
    assert means[0][0, -1] < means[1][0, -1]


def test_near_duplicates_are_not_picked_twice():
    """A car that stands for 100 frames is shown once."""
    parked = np.repeat(FEATURES[:1], 100, axis=0)
    parked += 1e-4 * RANDOM.standard_normal(parked.shape).astype(np.float32)
    order = choose_medoids(np.concatenate([parked, FEATURES[100:]]), 8).order
    assert (order < 100).sum() == 1


def test_equal_frames_in_order():
    assert choose_medoids(np.ones((5, 3)), 3).order.tolist() == [0, 1, 2]


def test_minimum_distance_ends_early():
    chosen = choose_medoids(FEATURES, 40, min_distance=5.0)
    assert chosen.stopped
    assert len(chosen.order) < 40
    between = DISTANCES[np.ix_(chosen.order, chosen.order)]
    assert between[~np.eye(len(between), dtype=bool)].min() >= 5
    rest = np.setdiff1d(np.arange(SIZE), chosen.order)
    assert DISTANCES[np.ix_(rest, chosen.order)].min(axis=1).max() < 5


def test_large_pools_are_covered_by_a_sample(monkeypatch):
    monkeypatch.setattr(module, 'PAIRS', SIZE * 30)
    orders = {}
    for seed in (0, 1):
        drawn = np.random.RandomState(seed).permutation(SIZE)[:30]
        chosen = choose_medoids(FEATURES, 6, seed=seed)
        assert chosen.pairs == SIZE * 30
        orders[seed] = chosen.order.tolist()
        assert orders[seed] == by_formula(6, covered=np.sort(drawn))
    assert orders[0] != orders[1]


def test_progress():
    seen = []
    choose_medoids(FEATURES, 5, initial=[1], progress=lambda *it: seen.append(it))
    assert seen == [(2, 5), (3, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(distance='patch'), "distance='patch'.*medoids.*leave it out"),
        (dict(route='blocked'), "route='blocked'"),
        (dict(budget=216), 'budget=216'),
        (dict(min_distance=-1), 'min_distance'),
        (dict(seed=-1), 'seed=-1'),
        (dict(initial=[215]), 'initial: row 215'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        choose_medoids(FEATURES, **{'budget': 5, **options})
