"""Strong augmentation of mixed images."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdepthseg.geometry.tensors import full_precision, no_autocast
from mmdepthseg.models.mixing.base import check_range
from mmdepthseg.models.mixing.color_jitter import color_jitter, draw_color_jitter
from mmdepthseg.models.mixing.mix_batch import MixBatch, draw_uniform
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError


@TRANSFORMS.register_module()
class BatchColorJitter:
    """Colour jitter of the mixed images, drawn per image, on their device.

    mmcv's and MMSeg's jitters are not used: they work on one uint8 image in the loader,
    before mixing, and do not accept a generator.

    Args:
        brightness: Strength, see `draw_color_jitter`.
        contrast: Strength.
        saturation: Strength.
        hue: Strength, in turns of the colour circle, at most 0.5.
        prob: Probability of jittering an image.
    """

    def __init__(
        self,
        brightness: float = 0.25,
        contrast: float = 0.25,
        saturation: float = 0.25,
        hue: float = 0.25,
        prob: float = 0.8,
    ) -> None:
        self.options: dict[str, Any] = dict(
            brightness=brightness,
            contrast=contrast,
            saturation=saturation,
            hue=hue,
            p=prob,
        )
        draw_color_jitter(1, **self.options)  # raises on options out of range

    @torch.no_grad()
    def __call__(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> MixBatch:
        """Return the batch with jittered images, clamped to [0, 1]."""
        drawn = draw_color_jitter(
            len(batch), **self.options, device=batch.images.device, generator=generator
        )
        return replace(batch, images=color_jitter(batch.images, drawn))


@TRANSFORMS.register_module()
class BatchGaussianBlur:
    """Gaussian blur of the mixed images, drawn per image, on their device.

    The kernel is separable, with `2 * radius + 1` taps and reflection padding. Nine
    taps hold all but 1e-4 of the weight for sigma = 1.15.

    Args:
        sigma: Standard deviation in pixels, or the range from which it is drawn.
        prob: Probability of blurring an image; the others stay exactly as they are.
        radius: Reach of the kernel in pixels.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        sigma: float | tuple[float, float] = (0.15, 1.15),
        prob: float = 0.5,
        radius: int = 4,
    ) -> None:
        self.sigma = check_range('sigma', sigma)
        if self.sigma[0] <= 0 or not 0 <= prob <= 1 or radius < 1:
            raise UserError(
                'Need sigma > 0, prob in [0, 1] and radius >= 1, got '
                f'sigma={sigma}, prob={prob}, radius={radius}'
            )
        self.prob = prob
        self.radius = radius

    @torch.no_grad()
    def __call__(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> MixBatch:
        """Return the batch with some images blurred.

        Raises:
            UserError: The images are not larger than the kernel's radius.
        """
        size, device = (len(batch),), batch.images.device
        sigma = draw_uniform(size, *self.sigma, device, generator)
        chosen = draw_uniform(size, 0, 1, device, generator) < self.prob
        kernels = gaussian_kernels(sigma, self.radius)
        identity = F.one_hot(
            torch.full_like(chosen, self.radius, dtype=torch.long),
            2 * self.radius + 1,
        )
        kernels = torch.where(chosen[:, None], kernels, identity.to(kernels.dtype))
        return replace(batch, images=blur(batch.images, kernels))


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """Return the sampled Gaussians that sum to 1, (N,) -> (N, 2 * radius + 1)."""
    at = torch.arange(-radius, radius + 1, dtype=sigma.dtype, device=sigma.device)
    return torch.softmax(-0.5 * (at / sigma[:, None]).square(), 1)


def blur(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each image with its own kernel along x and along y.

    Args:
        images: (N, C, H, W).
        kernels: (N, 2 * radius + 1), symmetric.

    Returns:
        (N, C, H, W).

    Raises:
        UserError: H or W is not larger than the radius.
    """
    radius = kernels.shape[1] // 2
    if min(images.shape[-2:]) <= radius:
        raise UserError(
            f'A blur of radius {radius} needs images larger than {radius} pixels, '
            f'got {images.shape[-2]}x{images.shape[-1]}'
        )
    with no_autocast(images):
        images, kernels = full_precision(images, kernels)
        out = F.pad(images, (radius,) * 4, mode='reflect')
        for dim in (-1, -2):
            out = _correlate(out, kernels, dim)
        return out


def _correlate(padded: Tensor, kernels: Tensor, dim: int) -> Tensor:
    """Return the weighted sum of shifted slices; symmetric taps share a product.

    On the CPU this is up to four times faster than a grouped convolution, and it is
    exact where cuDNN would use TF32.
    """
    radius = kernels.shape[1] // 2
    size = padded.shape[dim] - 2 * radius
    taps = kernels.t()[:, :, None, None, None]
    out = padded.narrow(dim, radius, size) * taps[radius]
    for reach in range(1, radius + 1):
        pair = padded.narrow(dim, radius - reach, size) + padded.narrow(
            dim, radius + reach, size
        )
        out.addcmul_(pair, taps[radius + reach])
    return out
