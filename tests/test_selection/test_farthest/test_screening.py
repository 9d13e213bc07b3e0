import sys
import tracemalloc

import numpy as np
import pytest

from mmdepthseg.selection import FeaturePool, farthest_point
from mmdepthseg.selection.farthest import device
from mmdepthseg.selection.farthest.device import TorchProduct, choose_product
from mmdepthseg.selection.farthest.screening import Screen, chunked_product


@pytest.mark.parametrize('normalize', ['none', 'channel', 'unit'])
@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
@pytest.mark.parametrize('scale', [1e-3, 1.0, 1e3])
@pytest.mark.parametrize('keep', [True, False])
def test_intervals_hold_the_exact_distances(normalize, dtype, scale, keep):
    random = np.random.default_rng(0)
    features = scale * random.standard_normal((60, 700)) + 2 * scale
    features[30:] = features[:30] + 1e-4 * scale * random.standard_normal((30, 700))
    features[59] *= 3
    pool = FeaturePool(features.astype(dtype), normalize)
    screen = Screen(pool, keep=keep)
    rows, batch = np.arange(60), np.array([0, 31, 59])
    low, high = screen.bounds(batch, screen.vectors(batch), rows)
    exact = np.stack([screen.exact_squared(np.array([b]), rows) for b in batch], axis=1)
    assert (low <= exact).all() and (exact <= high).all()
    # Narrow enough to be of use, too.
    far = exact > 0.1
    assert ((high - low)[far] < 2e-3 * exact[far]).all()


def test_float32_errors_are_larger_than_a_distance_but_inside():
    """The interval is needed: its middle is wrong by more than the distance."""
    random = np.random.default_rng(0)
    features = random.standard_normal((2, 4096)).astype(np.float32)
    features = np.concatenate([features, features + np.float32(1e-4)])
    screen = Screen(FeaturePool(features))
    rows = np.array([2])
    low, high = screen.bounds(np.array([0]), screen.vectors(np.array([0])), rows)
    exact = screen.exact_squared(np.array([0]), rows)
    assert low[0, 0] == 0 < exact[0] < high[0, 0]


def test_chunks_add_up():
    random = np.random.default_rng(0)
    left = random.standard_normal((3, 600)).astype(np.float32)
    right = random.standard_normal((4, 600)).astype(np.float32)
    np.testing.assert_allclose(chunked_product(left, right), left @ right.T, atol=1e-3)


def test_torch_product_equals_numpy():
    random = np.random.default_rng(0)
    left = random.standard_normal((3, 600)).astype(np.float32)
    right = random.standard_normal((4, 600)).astype(np.float32)
    product = choose_product('cpu:0', work=0)
    assert isinstance(product, TorchProduct)
    np.testing.assert_allclose(
        product(left, right), chunked_product(left, right), rtol=1e-4, atol=1e-4
    )


def test_small_work_stays_on_the_cpu():
    assert choose_product('auto', work=10**6) is chunked_product
    assert choose_product('cpu', work=10**15) is chunked_product


@pytest.mark.parametrize('found', [True, False])
def test_torch_is_not_imported_where_there_is_no_gpu(monkeypatch, tmp_path, found):
    if found:
        (tmp_path / 'nvidia0').touch()
    monkeypatch.setattr(device, '_DEVICE_FILES', (str(tmp_path / 'nvidia[0-9]*'),))
    monkeypatch.setattr(device, '_DRIVER_TOOLS', ())
    monkeypatch.setattr(device.importlib.util, 'find_spec', lambda name: object())
    monkeypatch.setitem(sys.modules, 'torch', None)  # an import raises
    if found:
        with pytest.raises(ImportError):
            choose_product('auto', work=10**15)
    else:
        assert choose_product('auto', work=10**15) is chunked_product


@pytest.mark.parametrize('dtype', ['float32', 'float64', 'int64'])
def test_many_rows_take_little_more_memory_than_the_result(dtype):
    features = np.arange(256 * 8192).reshape(256, 8192).astype(dtype)
    screen = Screen(FeaturePool(features))
    rows = np.arange(256)
    expected = np.concatenate([screen.vectors(rows[i : i + 1]) for i in rows])
    tracemalloc.start()
    vectors = screen.vectors(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (vectors == expected).all()
    # 8 MiB; blocks are of 4 MiB as float32, with up to two float64 copies
    assert peak - vectors.nbytes < 17 * 2**20 + 4 * 2**19


def test_blocked_route_keeps_its_memory_limit():
    """Long float64 rows, and more initial frames than one product takes."""
    features = np.random.default_rng(0).random((280, 65536))
    tracemalloc.start()
    points = farthest_point(
        features, 272, initial=range(270), route='blocked', device='cpu'
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert points.route == 'blocked' and len(points.order) == 272
    assert peak < 256 * 2**20


def test_an_absurd_frame_is_named():
    features = np.ones((400, 3), np.float32) * np.arange(400)[:, None]
    features[2] = 1e30
    with pytest.raises(ValueError, match='row 2'):
        Screen(FeaturePool(features.astype(np.float32)))
