import math

import numpy as np
import pytest
import torch

from mmdepthseg.evaluation import DEPTH_ERRORS, align_depth, depth_errors
from mmdepthseg.evaluation.depth_errors import crop_box, median


def errors_by_loop(prediction, target):
    """The formulas once more, pixel by pixel."""
    sums = dict.fromkeys(DEPTH_ERRORS, 0.0)
    log_sum = log_square = 0.0
    for p, g in zip(prediction, target):
        sums['abs_rel'] += abs(p - g) / g
        sums['sq_rel'] += (p - g) ** 2 / g
        sums['rmse'] += (p - g) ** 2
        e = math.log(p) - math.log(g)
        log_sum, log_square = log_sum + e, log_square + e * e
        sums['log10'] += abs(math.log10(p) - math.log10(g))
        for i in (1, 2, 3):
            sums[f'a{i}'] += max(p / g, g / p) < 1.25**i
    n = len(target)
    result = {name: value / n for name, value in sums.items()}
    result['rmse'] = math.sqrt(result['rmse'])
    result['rmse_log'] = math.sqrt(log_square / n)
    result['silog'] = 100 * math.sqrt(log_square / n - (log_sum / n) ** 2)
    return result


def random_depths(n=57, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.uniform(1, 60, n)
    return target * np.exp(rng.normal(0, 0.3, n)), target


def test_against_a_loop():
    prediction, target = random_depths()
    found = depth_errors(torch.tensor(prediction), torch.tensor(target)).tolist()
    expected = errors_by_loop(prediction.tolist(), target.tolist())
    assert dict(zip(DEPTH_ERRORS, found)) == pytest.approx(expected, rel=1e-9)


def test_perfect_and_one_pixel():
    depth = torch.tensor([3.0])
    assert depth_errors(depth, depth).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize('n', [1, 2, 7, 8])
def test_median_is_numpys(n):
    values = np.random.default_rng(n).normal(size=n)
    assert median(torch.tensor(values)).item() == pytest.approx(np.median(values))


def test_median_of_repeated_values():
    for values in (
        [2.0, 2.0],
        [1.0, 2.0, 2.0, 3.0],
        [1.0, 1.0, 2.0, 2.0],
        [3.0, 1.0, 1.0, 1.0],
    ):
        assert median(torch.tensor(values)).item() == np.median(values)


def test_median_alignment():
    prediction, target = random_depths()
    aligned, scale = align_depth(
        torch.tensor(prediction) * 7, torch.tensor(target), 'median', 80.0
    )
    assert scale.item() == pytest.approx(np.median(target) / np.median(prediction) / 7)
    assert median(aligned).item() == pytest.approx(np.median(target))


def test_least_squares_alignment():
    prediction, target = random_depths()
    for factor in (1.0, 1e-6):
        aligned, scale = align_depth(
            torch.tensor(prediction * factor).float(),
            torch.tensor(target).float(),
            'lsqr',
            80.0,
        )
        (expected,), *_ = np.linalg.lstsq(prediction[:, None], target, rcond=None)
        assert scale.item() * factor == pytest.approx(expected, rel=1e-5)
        assert np.allclose(aligned.numpy(), expected * prediction, rtol=1e-5)


def test_affine_alignment():
    prediction, target = random_depths()
    aligned, scale = align_depth(
        torch.tensor(prediction), torch.tensor(target), 'affine', 1e9
    )
    matrix = np.stack([1 / prediction, np.ones_like(prediction)], 1)
    (s, t), *_ = np.linalg.lstsq(matrix, 1 / target, rcond=None)
    assert 1 / scale.item() == pytest.approx(s)
    assert np.allclose(1 / aligned.numpy(), np.maximum(s / prediction + t, 1e-9))


def test_affine_alignment_of_a_constant():
    _, target = random_depths()
    aligned, scale = align_depth(
        torch.full((57,), 5.0), torch.tensor(target).float(), 'affine', 80.0
    )
    assert np.allclose(aligned, 1 / np.mean(1 / target)) and scale == 1


def test_no_alignment():
    aligned, scale = align_depth(torch.ones(3), torch.rand(3), 'none', 80.0)
    assert aligned.tolist() == [1, 1, 1] and scale == 1


def test_crops():
    assert crop_box('cityscapes', 1024, 2048) == (slice(256, 768), slice(192, 1856))
    assert crop_box(None, 4, 6) == (slice(0, 4), slice(0, 6))
    assert crop_box((0, 0.5, 0.5, 1), 4, 6) == (slice(0, 2), slice(3, 6))
    garg = crop_box('garg', 375, 1242)
    assert garg == (slice(153, 371), slice(44, 1197))
    assert crop_box('eigen', 375, 1242) == (slice(124, 342), slice(44, 1197))
    assert crop_box('cityscapes_no_ego', 512, 1024) == (slice(0, 384), slice(0, 1024))
    for wrong in ('kitti', (0.5, 0.2, 0, 1)):
        with pytest.raises(ValueError, match='crop.*got'):
            crop_box(wrong, 4, 6)
