import pytest
import torch
import torch.nn.functional as F
from helpers.golden import assert_golden, load

from mmdepthseg.models.losses import PhotometricError
from mmdepthseg.models.losses.ssim import reflect_pad, window_mean
from mmdepthseg.registry import MODELS


def _formula(a, b, weight=0.85):
    """The definition, by plain autograd."""

    def mean(x):
        return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode='reflect'), 3, 1)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
    ssim = ssim / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    dissimilarity = ((1 - ssim) / 2).clamp(0, 1).mean(1, keepdim=True)
    return weight * dissimilarity + (1 - weight) * (a - b).abs().mean(1, keepdim=True)


def _images(dtype=torch.float64, size=(7, 9)):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 2, 3, *size, generator=generator).to(dtype).unbind()


def test_golden():
    golden = load('a4')
    pairs = [
        (PhotometricError(), golden['photometric_map']),
        (PhotometricError(1.0), golden['ssim_loss_map'].mean(1, keepdim=True)),
    ]
    for error, expected in pairs:
        actual = error(golden['pred'], golden['target'])
        # A variance is a difference of near-equal numbers. In flat windows float32
        # leaves up to 4e-5 of error, in the golden map too: a float64 run is as far
        # off at some pixels. The others are within the common tolerance.
        assert_golden(actual, expected, atol=5e-5)
        off = (actual - expected).abs() > 1e-5 + 1e-4 * expected.abs()
        assert off.float().mean() < 0.005
    exact = PhotometricError()(golden['pred'].double(), golden['target'].double())
    assert_golden(exact, golden['photometric_map'], atol=4e-5)


@pytest.mark.parametrize('weight', [0, 0.85, 1])
def test_value_and_gradient_are_those_of_the_definition(weight):
    predicted, target = _images()
    other = predicted.clone().requires_grad_()
    predicted.requires_grad_()
    error = PhotometricError(weight)(predicted, target)
    expected = _formula(other, target, weight)
    torch.testing.assert_close(error, expected)
    upstream = torch.rand_like(error)
    error.backward(upstream)
    expected.backward(upstream)
    torch.testing.assert_close(predicted.grad, other.grad)


def test_gradcheck():
    predicted, target = _images(size=(4, 5))
    assert torch.autograd.gradcheck(
        lambda x: PhotometricError()(x, target), predicted.requires_grad_()
    )


def test_equal_images_have_no_error():
    image, _ = _images(torch.float32)
    image.requires_grad_()
    error = PhotometricError()(image, image.detach())
    assert error.abs().max() < 1e-6
    error.sum().backward()
    assert image.grad.isfinite().all()


def test_prepared_statistics_and_several_predictions():
    predicted, target = _images(torch.float32)
    error = PhotometricError()
    statistics = error.prepare(target)
    expected = error(predicted, target)
    torch.testing.assert_close(error(predicted, statistics), expected)
    stacked = torch.stack([predicted, target], 1).requires_grad_()
    both = error(stacked, statistics)
    assert both.shape == (2, 2, 1, 7, 9)
    torch.testing.assert_close(both[:, 0], expected)
    assert both[:, 1].abs().max() < 1e-6
    both[:, 0].sum().backward()
    alone = predicted.clone().requires_grad_()
    error(alone, target).sum().backward()
    torch.testing.assert_close(stacked.grad[:, 0], alone.grad)
    assert stacked.grad[:, 1].abs().max() == 0


@pytest.mark.parametrize('layout', [torch.channels_last, torch.contiguous_format])
def test_window_mean_is_average_pooling(layout):
    image = torch.rand(2, 3, 6, 8).contiguous(memory_format=layout)
    padded = F.pad(image, (1, 1, 1, 1), mode='reflect')
    torch.testing.assert_close(reflect_pad(image), padded)
    torch.testing.assert_close(window_mean(padded), F.avg_pool2d(padded, 3, 1))


def test_autocast_and_channels_last():
    predicted, target = _images(torch.float32)
    expected = PhotometricError()(predicted, target)
    with torch.autocast('cpu', torch.bfloat16):
        actual = PhotometricError()(predicted, target)
    torch.testing.assert_close(actual, expected)
    layout = torch.channels_last
    last = [t.contiguous(memory_format=layout) for t in (predicted, target)]
    torch.testing.assert_close(PhotometricError()(*last), expected)
    half = predicted.bfloat16().requires_grad_()
    error = PhotometricError()(half, target)
    assert error.dtype == torch.float32
    error.sum().backward()
    assert half.grad.dtype == torch.bfloat16 and half.grad.abs().max() > 0


def test_is_registered_and_checks_its_arguments():
    error = MODELS.build(dict(type='PhotometricError', ssim_weight=0.5))
    with pytest.raises(ValueError, match=r'predicted.*\(2, 3, 7, 9\)'):
        error(torch.rand(2, 3, 7, 8), torch.rand(2, 3, 7, 9))
    with pytest.raises(ValueError, match='at least 2x2'):
        error.prepare(torch.rand(2, 3, 1, 9))
    with pytest.raises(ValueError, match='ssim_weight'):
        PhotometricError(1.5)
