from dataclasses import replace

import numpy as np
import pytest
import torch

from mmdepthseg.models.mixing import BatchColorJitter, BatchGaussianBlur, MixBatch
from mmdepthseg.models.mixing.strong_augmentation import blur, gaussian_kernels
from mmdepthseg.registry import TRANSFORMS


def _batch(count=4, size=(12, 14)):
    images = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(count, *size, dtype=torch.long)
    return MixBatch(images, labels, torch.ones(count, *size))


def _changed(before, after):
    return (before.images - after.images).abs().amax((1, 2, 3)) > 1e-5


@pytest.mark.parametrize(
    'config',
    [
        dict(type='BatchColorJitter', prob=1.0),
        dict(type='BatchGaussianBlur', prob=1.0, sigma=(0.5, 1.15)),
    ],
)
def test_only_images_change_and_draws_are_repeatable(config):
    batch = _batch()
    augment = TRANSFORMS.build(config)
    one, two = (augment(batch, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.images, two.images)
    assert _changed(batch, one).all()
    assert one.labels is batch.labels and one.confidence is batch.confidence
    assert one.images.min() >= 0 and one.images.max() <= 1
    amounts = (batch.images - one.images).abs().mean((1, 2, 3))
    assert amounts.unique().numel() == 4  # each image its own draw


@pytest.mark.parametrize('augment', [BatchColorJitter, BatchGaussianBlur])
@pytest.mark.parametrize('prob', [0.0, 0.5])
def test_probability(augment, prob):
    batch = _batch(400, (6, 6))
    changed = _changed(batch, augment(prob=prob)(batch, torch.Generator()))
    assert abs(changed.float().mean() - prob) < 0.1


def test_blur_agrees_with_a_plain_loop():
    images, sigma = _batch(2).images, torch.tensor([0.4, 1.15])
    result = blur(images, gaussian_kernels(sigma, 4)).numpy()
    for index in range(2):
        taps = np.exp(-0.5 * (np.arange(-4, 5) / sigma[index].item()) ** 2)
        kernel = np.outer(taps, taps) / taps.sum() ** 2
        padded = np.pad(images[index].numpy(), ((0, 0), (4, 4), (4, 4)), 'reflect')
        for y, x in ((0, 0), (5, 7), (11, 13), (3, 13)):
            expected = (padded[:, y : y + 9, x : x + 9] * kernel).sum((1, 2))
            np.testing.assert_allclose(result[index, :, y, x], expected, atol=1e-6)


def test_images_without_blur_stay_exactly():
    batch = _batch(64, (6, 7))
    after = BatchGaussianBlur()(batch, torch.Generator()).images
    same = (batch.images == after).flatten(1).all(1)
    assert 10 < same.sum() < 54


def test_nine_taps_are_enough():
    wide, narrow = (gaussian_kernels(torch.tensor([1.15]), r)[0] for r in (25, 4))
    assert (wide[21:30] - narrow).abs().max() < 1e-4


def test_under_autocast_and_channels_last():
    batch = _batch()
    last = replace(
        batch, images=batch.images.contiguous(memory_format=torch.channels_last)
    )
    for augment in (BatchColorJitter(prob=1), BatchGaussianBlur(prob=1)):
        expected = augment(batch, torch.Generator()).images
        with torch.autocast('cpu', torch.bfloat16):
            torch.testing.assert_close(
                augment(batch, torch.Generator()).images, expected
            )
        torch.testing.assert_close(augment(last, torch.Generator()).images, expected)


def test_bad_arguments():
    with pytest.raises(ValueError, match='hue <= 0.5'):
        BatchColorJitter(hue=0.7)
    with pytest.raises(ValueError, match='sigma > 0'):
        BatchGaussianBlur(sigma=(0, 1))
    with pytest.raises(ValueError, match='4x9'):
        BatchGaussianBlur()(_batch(2, (4, 9)))
