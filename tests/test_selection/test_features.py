import numpy as np
import pytest
from helpers.golden import FOLDER

from mmdepthseg.selection import FeaturePool
from mmdepthseg.selection.features import check_axes
from mmdepthseg.utils.errors import UserError


def test_channel_normalisation_is_the_golden_one():
    with np.load(FOLDER / 'd1_farthest_point.npz') as arrays:
        golden = dict(arrays)
    pool = FeaturePool(golden['features'])
    deviation = 1 / pool.column_scale.reshape(16, -1)
    np.testing.assert_allclose(deviation, deviation[:, :1] + np.zeros((1, 32)))
    np.testing.assert_allclose(deviation[:, 0], golden['std'], rtol=1e-5)
    for rows, name in ((pool, 'dist_row0'), (None, 'dist_raw_row0')):
        rows = rows or FeaturePool(golden['features'], 'none')
        distance = np.sqrt(rows.exact_squared(np.array([0]), np.arange(60)))
        np.testing.assert_allclose(distance, golden[name], rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize('shape', [(30, 7), (30, 3, 2, 4)])
@pytest.mark.parametrize('offset', [0.0, 1e6])
def test_channel_deviation_with_an_offset(shape, offset):
    features = np.random.default_rng(0).standard_normal(shape) + offset
    pool = FeaturePool(features, 'channel')
    axes = (0,) if len(shape) == 2 else (0, 2, 3)
    deviation = features.std(axis=axes, ddof=1)
    expected = np.repeat(deviation, np.prod(shape[2:], dtype=int))
    np.testing.assert_allclose(1 / pool.column_scale, expected, rtol=1e-7)


def test_constant_channels_do_not_count():
    features = np.random.default_rng(0).standard_normal((20, 3))
    features[:, 1] = 0.1
    assert FeaturePool(features, 'channel').column_scale[1] == 0
    assert FeaturePool(features[:1], 'channel').column_scale.tolist() == [0, 0, 0]


def test_unit_normalisation_leaves_angles():
    features = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    features[3] = 0
    scaled = features * np.linspace(1, 9, 20, dtype=np.float32)[:, None]
    one, other = FeaturePool(features, 'unit'), FeaturePool(scaled, 'unit')
    rows = np.arange(20)
    np.testing.assert_allclose(
        one.exact_squared(np.array([0]), rows),
        other.exact_squared(np.array([0]), rows),
        rtol=1e-5,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        np.linalg.norm(one.normalized(np.array([0, 3])), axis=1), [1, 0], rtol=1e-12
    )


@pytest.mark.parametrize('dims', [1, 5, 127, 129, 8193, 20000])
def test_exact_distance_of_a_pair_depends_on_nothing_else(dims):
    random = np.random.default_rng(dims)
    features = random.standard_normal((40, dims)).astype(np.float32)
    pool = FeaturePool(features, 'channel')
    together = pool.exact_squared(np.array([3]), np.arange(40))
    for row in range(40):
        pair = np.array([3]), np.array([row])
        assert pool.exact_squared(*pair)[0] == together[row]
        assert pool.exact_squared(*pair[::-1])[0] == together[row]


def test_exact_distances_do_not_cancel():
    features = np.array([[1e4, 1e4], [1e4 + 2**-10, 1e4]], np.float32)
    pool = FeaturePool(features)
    assert pool.exact_squared(np.array([0]), np.array([1]))[0] == 2.0**-20


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_their_rows(dtype, value):
    features = np.zeros((5000, 300), dtype)
    features[[4, 4321], [3, 299]] = value
    features[[7, 7], [0, 1]] = [np.inf, -np.inf]
    with pytest.raises(ValueError, match=r'rows 4, 7, 4321'):
        FeaturePool(features)


@pytest.mark.parametrize('normalize', ['none', 'channel', 'unit'])
def test_values_too_large_for_squares_name_their_rows(normalize):
    features = np.zeros((5000, 300))
    features[[4, 4321]] = [[6e200], [-1e152]]
    with pytest.raises(UserError, match=r'features: rows 4, 4321 hold values so large'):
        FeaturePool(features, normalize)
    features[[4, 4321]] = 1e100
    assert FeaturePool(features, normalize).size == 5000


def test_channels_last_are_doubted():
    for shape in ((9, 4, 8, 64), (9, 1, 1, 64), (9, 7, 7, 768), (9, 32, 48, 3)):
        assert 'transpose(0, 3, 1, 2)' in check_axes(shape)[1]
    assert '(9, 24, 32, 1)' in check_axes((9, 24, 32, 1))[1]


@pytest.mark.parametrize(
    'shape',
    [
        (64, 4, 8), (512, 1, 1), (512, 3, 4), (768, 14, 14), (3, 32, 64), (3, 24, 80),
        (19, 64, 128), (1, 32, 32), (16, 24, 80), (2048, 4, 1), (4, 8, 16),
    ],
)  # fmt: skip
def test_channels_first_are_not_doubted(shape):
    channels, height, width = shape
    read = f'{channels} channels at {height}x{width} positions'
    assert check_axes((9, *shape)) == [read]


def test_large_finite_values_are_allowed():
    features = np.full((3, 10), 3e38, np.float32)
    assert FeaturePool(features).size == 3
    assert FeaturePool(np.full((3, 10), 6e4, np.float16)).size == 3


@pytest.mark.parametrize(
    ('features', 'message'),
    [
        (np.zeros((0, 4)), 'empty'),
        (np.zeros((4, 0)), 'empty'),
        (np.zeros(4), r'\(N, D\).*\(4,\)'),
        (np.zeros((4, 2, 2)), r'got \(4, 2, 2\)'),
        (np.zeros((4, 2), complex), 'got complex128'),
        (np.array([['a']]), 'got <U1'),
    ],
)
def test_errors(features, message):
    with pytest.raises(ValueError, match=message):
        FeaturePool(features)
