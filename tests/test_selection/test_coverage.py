import numpy as np
import pytest

from mmdepthseg.selection import FeaturePool, coverage, select
from mmdepthseg.selection.coverage import (
    fit_plane,
    measure_coverage,
    nearest_before,
    thin_out,
)

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((150, 3, 2, 2)).astype(np.float16)


def normalized(features):
    """(N, C, H, W) to (N, D), each channel divided by its deviation."""
    features = features.astype(np.float64)
    deviation = features.std(axis=(0, 2, 3), ddof=1)
    return (features / deviation[:, None, None]).reshape(len(features), -1)


def distances(rows, others):
    return np.sqrt(np.square(rows[:, None] - others).sum(axis=2))


@pytest.mark.parametrize('dims', [1, 2, 5, 400])
def test_plane_is_the_first_two_principal_components(dims):
    data = RANDOM.standard_normal((60, dims)) * (1 + np.arange(dims)) + 100
    pool = FeaturePool(data)
    plane = fit_plane(pool)
    left, values, _ = np.linalg.svd(data - data.mean(axis=0), full_matrices=False)
    share = np.square(values) / np.square(values).sum()
    count = min(2, dims)
    np.testing.assert_allclose(plane.share[:count], share[:count])
    points = plane.project(pool, np.array([7, 3, 59]))
    expected = (left * values)[[7, 3, 59], :count]
    np.testing.assert_allclose(np.abs(points[:, :count]), np.abs(expected))
    largest = np.abs(plane.axes).argmax(axis=0)[:count]
    assert (plane.axes[largest, range(count)] > 0).all()
    if dims == 1:
        assert plane.share == pytest.approx([1, 0]) and not points[:, 1].any()


def test_plane_of_normalised_features_from_a_sample(monkeypatch):
    monkeypatch.setattr(coverage, 'PLANE_FRAMES', 40)
    pool = FeaturePool(FEATURES)
    plane = fit_plane(pool)
    assert plane.frames == 40
    rows = thin_out(np.arange(150), 40)
    data = normalized(FEATURES)[rows]
    np.testing.assert_allclose(plane.center, data.mean(axis=0))
    variance = np.linalg.eigvalsh(np.cov(data.T))[::-1]
    np.testing.assert_allclose(plane.share, variance[:2] / variance.sum())


def test_plane_of_equal_and_of_huge_features():
    plane = fit_plane(FeaturePool(np.full((5, 3), 7.0)))
    assert plane.share.tolist() == [0, 0] and not plane.axes.any()
    data = 1e140 * RANDOM.standard_normal((20, 4))
    small = fit_plane(FeaturePool(1e-140 * data))
    np.testing.assert_allclose(fit_plane(FeaturePool(data)).share, small.share)


@pytest.mark.parametrize('block', [4, 64])
def test_coverage_is_the_distance_to_the_nearest_chosen(monkeypatch, block):
    monkeypatch.setattr(coverage, '_BLOCK', block)
    initial, exclude = [5, 140], np.array([0, 1, 77])
    chosen = select(FEATURES, 'ds', 12, seed=1, initial=initial, exclude=exclude)
    pool = FeaturePool(FEATURES)
    measured = measure_coverage(pool, chosen.order, 2, exclude, seed=1, draws=3)
    assert measured.counts.tolist() == list(range(2, 13))
    assert measured.seeds == [0, 2, 3]
    assert (measured.frames, measured.pool) == (147, 147)
    data = normalized(FEATURES)
    covered = np.delete(data, exclude, axis=0)

    def expected(order):
        nearest = [
            distances(covered, data[order[:count]]).min(axis=1)
            for count in range(2, 13)
        ]
        return np.mean(nearest, axis=1), np.max(nearest, axis=1)

    mean, largest = expected(chosen.order)
    np.testing.assert_allclose(measured.mean[0], mean)
    np.testing.assert_allclose(measured.largest[0], largest)
    for place, seed in enumerate(measured.seeds, start=1):
        order = select(
            FEATURES, 'random', 12, seed=seed, initial=initial, exclude=exclude
        ).order
        mean, largest = expected(order)
        np.testing.assert_allclose(measured.mean[place], mean)
        np.testing.assert_allclose(measured.largest[place], largest)


def test_coverage_of_a_whole_pool_is_zero():
    data = 1e4 + 1e-3 * RANDOM.standard_normal((30, 50))
    measured = measure_coverage(
        FeaturePool(data), np.arange(30), 0, np.array([], int), 0, draws=2
    )
    assert measured.mean[0, -1] == measured.largest[0, -1] == 0
    np.testing.assert_allclose(
        measured.mean[0, 0], distances(data, data[:1]).mean(), rtol=1e-6
    )


@pytest.mark.parametrize('bound', ['work', 'memory'])
def test_coverage_of_a_large_pool_is_sampled(monkeypatch, bound):
    monkeypatch.setattr(coverage, 'LEAST_FRAMES', 10)
    if bound == 'work':
        monkeypatch.setattr(coverage, 'COVERAGE_WORK', 40 * 3 * 5 * 12)
    else:
        monkeypatch.setattr(coverage, 'HELD_BYTES', 40 * 8 * 12)
    pool = FeaturePool(FEATURES)
    order = np.array([3, 10, 20, 30, 40])
    measured = measure_coverage(pool, order, 0, np.array([], int), 0, draws=2)
    assert (measured.frames, measured.pool) == (40, 150)
    data = normalized(FEATURES)
    sample = data[thin_out(np.arange(150), 40)]
    expected = distances(sample, data[order]).min(axis=1).mean()
    np.testing.assert_allclose(measured.mean[0, -1], expected)


@pytest.mark.parametrize('block', [4, 64])
def test_nearest_before(monkeypatch, block):
    monkeypatch.setattr(coverage, '_BLOCK', block)
    order = RANDOM.permutation(150)[:21]
    place, distance = nearest_before(FeaturePool(FEATURES), order)
    data = normalized(FEATURES)[order]
    assert place[0] == -1 and np.isnan(distance[0])
    for index in range(1, 21):
        before = distances(data[index : index + 1], data[:index])[0]
        assert place[index] == before.argmin()
        np.testing.assert_allclose(distance[index], before.min())


def test_thin_out():
    rows = np.arange(1000, 3000)
    few = thin_out(rows[::-1], 50)
    assert len(set(few.tolist())) == 50 and (np.diff(few) > 0).all()
    assert set(few.tolist()) <= set(rows.tolist())
    assert few.tolist() == thin_out(rows[::-1], 50).tolist()
    assert thin_out(np.array([3, 1, 2]), 3).tolist() == [1, 2, 3]
