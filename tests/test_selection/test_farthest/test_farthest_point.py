import tracemalloc

import numpy as np
import pytest
from helpers.golden import FOLDER
from helpers.naive_selection import naive_farthest_point

from mmdepthseg.selection import farthest_point
from mmdepthseg.selection.farthest import lazy_greedy
from mmdepthseg.selection.farthest.screening import Screen

ROUTES = ('memory', 'blocked')


@pytest.fixture(scope='module')
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / 'd1_farthest_point.npz') as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    'case', ['raw', 'normalised', 'bias1000', 'preselected', 'patchwise']
)
@pytest.mark.parametrize('route', ROUTES)
def test_orders_and_distances_are_the_published_ones(golden, case, route):
    image_index = golden['image_index']
    row_of = {index: row for row, index in enumerate(image_index.tolist())}
    bias = 1000 * golden['student_error'].astype(np.float64)
    options = dict(
        raw=dict(normalize='none'),
        normalised=dict(),
        bias1000=dict(bias=bias),
        preselected=dict(
            candidates=[row_of[i] for i in golden['preselected_image_index'].tolist()]
        ),
        patchwise=dict(distance='patch'),
    )[case]
    initial = [row_of[i] for i in golden['start_image_index'].tolist()]
    points = farthest_point(
        golden['features'], 22, initial=initial, route=route, **options
    )
    new = points.order[2:]
    assert image_index[new].tolist() == golden[f'order_{case}'].tolist()
    distance = points.min_distance[2:] + (bias[new] if case == 'bias1000' else 0)
    np.testing.assert_allclose(distance, golden[f'order_{case}_mindist'], rtol=1e-5)
    assert points.order[:2].tolist() == initial
    assert np.isnan(points.min_distance[:2]).all()


def pool(kind: str, random: np.random.Generator, count: int, dims: int) -> np.ndarray:
    normal = random.standard_normal
    if kind == 'gaussian':
        return normal((count, dims))
    if kind == 'clips':
        places = np.repeat(normal((count // 5 + 1, dims)) * 10, 5, axis=0)[:count]
        return places + 1e-3 * normal((count, dims))
    if kind == 'ties':
        return random.integers(0, 3, (count, dims)).astype(float)
    if kind == 'near equal':
        return 1000 + 1e-3 * normal((count, dims))
    if kind == 'duplicates':
        return np.repeat(normal((count // 4 + 1, dims)), 4, axis=0)[:count]
    path = np.cumsum(normal((count, dims)), axis=0)
    path[0] *= 1e4
    return path


@pytest.mark.parametrize(
    'kind', ['gaussian', 'clips', 'ties', 'near equal', 'duplicates', 'outlier']
)
@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_same_picks_as_the_formula(kind, dtype, monkeypatch):
    # Small steps, so that small pools go through fronts and catching up.
    monkeypatch.setattr(lazy_greedy, '_MIN_CATCH_UP', 8)
    monkeypatch.setattr(lazy_greedy, '_MAX_CATCH_UP', 8)
    monkeypatch.setattr(lazy_greedy, '_MIN_FRONT', 3)
    monkeypatch.setattr(lazy_greedy, '_MAX_PENDING', 16)
    random = np.random.default_rng(len(kind))
    for dims in (1, 3, 70, 300):
        count = int(random.integers(20, 120))
        features = np.clip(pool(kind, random, count, dims), -6e4, 6e4).astype(dtype)
        bias = 3 * random.standard_normal(count) if dims in (3, 300) else None
        rows = random.permutation(count).tolist()
        initial, exclude = (rows[:3], rows[3:8]) if dims >= 70 else ([], rows[3:8])
        budget = count - len(exclude)
        order = np.random.RandomState(7).permutation(count).tolist()
        first = next(row for row in order if row not in exclude)
        expected = naive_farthest_point(features, budget, first, initial, exclude, bias)
        for route in ROUTES:
            memory = 2**26 if route == 'memory' else 2**12
            monkeypatch.setattr(lazy_greedy, '_VECTOR_BYTES', memory)
            monkeypatch.setattr(lazy_greedy, '_MAX_PAIRS', memory // 64)
            points = farthest_point(
                features, budget, seed=7, initial=initial, exclude=exclude, bias=bias,
                route=route,
            )  # fmt: skip
            assert points.order.tolist() == expected
            assert points.route == route


def test_min_distance_and_nearest_are_those_of_the_order():
    random = np.random.default_rng(0)
    features = random.standard_normal((80, 20)).astype(np.float32)
    points = farthest_point(features, 40, seed=3)
    rows = features.astype(np.float64)
    assert np.isnan(points.min_distance[0]) and points.nearest[0] == -1
    for place in range(1, 40):
        before = points.order[:place]
        distances = np.linalg.norm(rows[before] - rows[points.order[place]], axis=1)
        assert points.min_distance[place] == pytest.approx(distances.min(), rel=1e-12)
        assert points.nearest[place] == before[distances.argmin()]


def test_near_equal_frames_need_exact_distances():
    # Frames of a parked car: a common scene, differences far below its size.
    random = np.random.default_rng(0)
    features = (100 * random.standard_normal(512)).astype(np.float32)
    features = features + 1e-3 * random.standard_normal((60, 512)).astype(np.float32)
    expected = naive_farthest_point(features, 30, first=5)

    def by_expansion() -> list[int]:
        lengths = np.square(features).sum(axis=1)
        squared = lengths[:, None] + lengths - 2 * features @ features.T
        distances = np.sqrt(np.maximum(squared, 0))
        order = [5]
        while len(order) < 30:
            nearest = distances[order].min(axis=0)
            nearest[order] = -np.inf
            order.append(int(nearest.argmax()))
        return order

    # Half of the picks are others: the error exceeds the distances themselves.
    assert len(set(by_expansion()) & set(expected)) < 25
    for route in ROUTES:
        points = farthest_point(features, 30, initial=[5], route=route)
        assert points.order.tolist() == expected


def test_near_equal_groups_far_apart_need_exact_distances():
    # Centring cannot help here: several parked cars, far from each other.
    random = np.random.default_rng(1)
    scenes = 100 * random.standard_normal((4, 256))
    features = np.repeat(scenes, 15, axis=0) + 1e-3 * random.standard_normal((60, 256))
    features = features.astype(np.float32)
    expected = naive_farthest_point(features, 50, first=0)
    for route in ROUTES:
        points = farthest_point(features, 50, initial=[0], route=route)
        assert points.order.tolist() == expected


def test_screening_alone_would_pick_others(monkeypatch):
    """What the exact recheck is for: without it, groups of near-equal frames fail."""
    random = np.random.default_rng(1)
    scenes = 100 * random.standard_normal((4, 256))
    features = np.repeat(scenes, 15, axis=0) + 1e-3 * random.standard_normal((60, 256))
    features = features.astype(np.float32)

    def middle(self, batch, vectors, rows):
        low, high = bounds(self, batch, vectors, rows)
        return (low + high) / 2, (low + high) / 2

    bounds = Screen.bounds
    monkeypatch.setattr(Screen, 'bounds', middle)
    points = farthest_point(features, 50, initial=[0])
    assert points.order.tolist() != naive_farthest_point(features, 50, first=0)


@pytest.mark.parametrize('value', [0.0, 1.5, -1e4])
@pytest.mark.parametrize('route', ROUTES)
def test_identical_frames_go_in_order_of_rows(value, route):
    features = np.full((700, 70), value, np.float32)
    points = farthest_point(features, 700, seed=1, route=route)
    first = np.random.RandomState(1).permutation(700)[0]
    assert points.order[0] == first
    assert points.order[1:].tolist() == [row for row in range(700) if row != first]
    assert (points.min_distance[1:] == 0).all()


def test_first_pick_is_the_first_allowed_of_the_seeded_permutation():
    features = np.random.default_rng(0).standard_normal((50, 4))
    order = np.random.RandomState(42).permutation(50)
    assert farthest_point(features, 1, seed=42).order.tolist() == [order[0]]
    excluded = farthest_point(features, 1, seed=42, exclude=order[:2])
    assert excluded.order.tolist() == [order[2]]
    preselected = farthest_point(features, 1, seed=42, candidates=order[5:][::-1])
    assert preselected.order.tolist() == [order[5]]


@pytest.mark.parametrize('distance', ['feature', 'patch'])
def test_selection_is_a_set_of_budget_frames(distance):
    random = np.random.default_rng(0)
    features = random.integers(0, 2, (40, 2, 2, 2)).astype(np.float16)
    for trial in range(20):
        rows = random.permutation(40)
        initial, exclude = rows[: trial % 4], rows[4 : 4 + trial % 5]
        budget = int(random.integers(len(initial) + 1, 41 - len(exclude)))
        order = farthest_point(
            features, budget, seed=trial, initial=initial, exclude=exclude,
            bias=random.standard_normal(40), distance=distance,
        ).order  # fmt: skip
        assert len(order) == len(set(order.tolist())) == budget
        assert order[: len(initial)].tolist() == initial.tolist()
        assert not set(order.tolist()) & set(exclude.tolist())


def test_smaller_budgets_are_prefixes():
    features = np.random.default_rng(0).standard_normal((100, 16))
    whole = farthest_point(features, 60, seed=2).order
    for budget in (1, 2, 25, 59):
        part = farthest_point(features, budget, seed=2).order
        assert part.tolist() == whole[:budget].tolist()


@pytest.mark.parametrize('distance', ['feature', 'patch'])
def test_minimum_distance_stops(distance):
    random = np.random.default_rng(0)
    features = random.standard_normal((60, 4, 2, 2))
    whole = farthest_point(features, 60, distance=distance)
    limit = float(whole.min_distance[20])
    points = farthest_point(features, 60, min_distance=limit, distance=distance)
    assert points.stopped and not whole.stopped
    assert points.order.tolist() == whole.order[:21].tolist()
    # With a bias, what is too near is passed over and others still come.
    biased = farthest_point(
        features, 60, min_distance=limit, bias=10 * random.random(60),
        distance=distance,
    )  # fmt: skip
    assert biased.stopped and len(biased.order) > 5
    assert np.nanmin(biased.min_distance) >= limit


def test_memory_chooses_the_route():
    features = np.random.default_rng(0).standard_normal((100, 10)).astype(np.float32)
    assert farthest_point(features, 9, memory=4000).route == 'memory'
    assert farthest_point(features, 9, memory=3999).route == 'blocked'


def test_memory_mapped_features_are_not_changed(tmp_path):
    random = np.random.default_rng(0)
    features = random.standard_normal((300, 4, 3, 3)).astype(np.float16)
    np.save(tmp_path / 'f.npy', features)
    mapped = np.load(tmp_path / 'f.npy', mmap_mode='r')
    for route in ROUTES:
        points = farthest_point(mapped, 40, route=route)
        assert points.order.tolist() == farthest_point(features, 40).order.tolist()
    assert (np.load(tmp_path / 'f.npy') == features).all()


def test_memory_mapped_features_are_not_copied_as_a_whole(tmp_path):
    random = np.random.default_rng(0)
    features = random.standard_normal((40_000, 512), dtype=np.float32)
    features = features.astype(np.float16)
    np.save(tmp_path / 'f.npy', features)
    mapped = np.load(tmp_path / 'f.npy', mmap_mode='r')
    tracemalloc.start()
    try:
        blocked = farthest_point(mapped, 10, route='blocked')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < features.nbytes
    in_memory = farthest_point(features, 10, route='memory')
    assert blocked.order.tolist() == in_memory.order.tolist()


@pytest.mark.parametrize('copies', [1, 20])
def test_distances_that_cannot_matter_are_not_looked_at(copies):
    random = np.random.default_rng(0)
    places = random.standard_normal((2000 // copies, 64))
    features = np.repeat(places, copies, axis=0)
    features += 1e-2 * random.standard_normal(features.shape)
    points = farthest_point(features.astype(np.float32), 500)
    assert points.pairs < 0.8 * 2000 * 500


def test_progress_counts_all_frames():
    calls = []
    features = np.random.default_rng(0).standard_normal((20, 3))
    farthest_point(
        features, 5, initial=[1, 2], progress=lambda *call: calls.append(call)
    )
    assert calls == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(budget=21), 'budget=21'),
        (dict(budget=20, exclude=[3]), 'budget.* 19 '),
        (dict(budget=4, candidates=[1, 2, 3]), 'budget.* 3 '),
        (dict(budget=0), 'budget=0'),
        (dict(budget=2, initial=[1, 2, 3]), '3 initial'),
        (dict(initial=[1, 1]), 'initial: row 1'),
        (dict(initial=[20]), 'initial: row 20'),
        (dict(exclude=[-1]), 'exclude: row -1'),
        (dict(initial=[4], exclude=[4, 5]), 'row 4'),
        (dict(candidates=[2, 2]), 'candidates: row 2'),
        (dict(bias=np.zeros(19)), r'bias.*\(19,\).*20'),
        (dict(bias=np.full(20, np.nan)), r'bias: rows 0,'),
        (dict(min_distance=-1), 'min_distance=-1 must be'),
        (dict(min_distance=np.nan), 'min_distance=nan must be'),
        (dict(seed=2**32), 'seed=4294967296'),
        (dict(normalize='z'), "normalize='z'"),
        (dict(distance='patch'), "'patch'"),
        (dict(distance='cosine'), "distance='cosine'"),
        (dict(route='disk'), "route='disk'"),
        (dict(device='no-such'), "device='no-such'"),
    ],
)
def test_errors(options, message):
    features = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ValueError, match=message):
        farthest_point(features, **{'budget': 5, **options})
