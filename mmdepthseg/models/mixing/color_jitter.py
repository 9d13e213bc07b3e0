"""Colour jitter of a batch on its device, every image with its own parameters.

Brightness, contrast, saturation and hue are each an affine map of (R, G, B), so that
any sequence of them is one 3x3 matrix and one offset per image: they cost a mean and
one matrix product, however many there are. This has two consequences, both harmless for
an augmentation: values are clamped to [0, 1] once, at the end, whereas Pillow clamps
after each operation; and hue turns the colour circle of YIQ, which keeps the luma,
instead of HSV's hexagon, which keeps the maximum and needs branches.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import (
    apply_matrix,
    constant,
    full_precision,
    no_autocast,
)
from mmdepthseg.utils.errors import UserError

#: Luma of RGB (ITU-R BT.601), Pillow's 'L'.
LUMA = (0.299, 0.587, 0.114)
_YIQ = (LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
_FROM_YIQ = torch.tensor(_YIQ, dtype=torch.float64).inverse().tolist()

_OPERATIONS = 4
_CONTRAST = 1


class ColorJitterParams(NamedTuple):
    """Colour jitter of N images.

    Attributes:
        brightness: Factor, (N,).
        contrast: Factor, (N,).
        saturation: Factor, (N,).
        hue: Turn of the colour circle in [-0.5, 0.5], (N,).
        order: (N, 4) int64, a permutation of 0 (brightness), 1 (contrast), 2
            (saturation), 3 (hue): the operation done first, second, ...
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor
    order: Tensor


def draw_color_jitter(
    count: int,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    p: float = 1.0,
    device: torch.device | str = 'cpu',
    generator: torch.Generator | None = None,
) -> ColorJitterParams:
    """Draw parameters for `count` images.

    Args:
        count: N.
        brightness: Factors are drawn from U(1 - b, 1 + b), not below 0.
        contrast: Likewise.
        saturation: Likewise.
        hue: Turns are drawn from U(-hue, hue), `hue` at most 0.5.
        p: Probability of jittering an image; the others get the identity.
        device: Where the parameters are needed.
        generator: Source of random numbers, on any device; its numbers are moved.

    Returns:
        The parameters.

    Raises:
        UserError: An option is out of range.
    """
    strengths = (brightness, contrast, saturation, hue)
    if min(strengths) < 0 or hue > 0.5 or not 0 <= p <= 1:
        raise UserError(
            'Need strengths >= 0, hue <= 0.5 and p in [0, 1], got '
            f'{brightness=}, {contrast=}, {saturation=}, {hue=}, {p=}'
        )
    where = torch.device(device) if generator is None else generator.device
    draw = torch.rand(count, 2 * _OPERATIONS + 1, generator=generator, device=where)
    draw = draw.to(device, non_blocking=True)
    chosen = (draw[:, 0] < p).float()

    def centred(index: int) -> Tensor:
        return (2 * draw[:, 1 + index] - 1) * strengths[index] * chosen

    factors = [(1 + centred(i)).clamp(min=0) for i in range(3)]
    order = draw[:, 1 + _OPERATIONS :].argsort(1)
    return ColorJitterParams(factors[0], factors[1], factors[2], centred(3), order)


def color_jitter(
    images: Tensor,
    parameters: ColorJitterParams,
    normalize: tuple[Tensor, Tensor] | None = None,
    means: Tensor | None = None,
) -> Tensor:
    """Jitter the colours of images.

    With luma Y(x) = 0.299 R + 0.587 G + 0.114 B:

    - brightness: b x;
    - contrast: c x + (1 - c) mean(Y(x)), mean over the image's pixels;
    - saturation: s x + (1 - s) Y(x);
    - hue: Y kept, (I, Q) of YIQ turned by 2 pi h, red towards green for h > 0.

    Args:
        images: RGB in [0, 1], (N, 3, H, W), or F frames per sample (N, F, 3, H, W),
            which share the parameters; contrast uses the mean of each frame.
        parameters: Parameters of the N samples, see `draw_color_jitter`.
        normalize: Mean and standard deviation, (3, 1, 1), to subtract and divide by
            after the jitter, as part of its matrix.
        means: Mean colours (N, F, 3, 1), if not those of all pixels (padding).

    Returns:
        Images of the input's shape, clamped to [0, 1] before normalising, at least
        float32.

    Raises:
        ValueError: The shape is neither, or the number of parameters differs.
    """
    if images.dim() not in (4, 5) or images.shape[-3] != 3:
        raise ValueError(
            'images must have shape (N, 3, H, W) or (N, F, 3, H, W), got '
            f'{tuple(images.shape)}'
        )
    count = parameters.brightness.shape[0]
    if count != images.shape[0]:
        raise ValueError(f'{count} parameters for {images.shape[0]} images')
    with no_autocast(images):
        (images,) = full_precision(images)
        frames = images if images.dim() == 5 else images.unsqueeze(1)
        matrix, offset = _maps(frames, parameters, normalize, means)
        out = torch.baddbmm(
            offset.flatten(0, 1),
            matrix.expand(-1, frames.shape[1], -1, -1).flatten(0, 1),
            frames.flatten(-2).flatten(0, 1),
        )
        if normalize is None:
            return out.clamp_(0, 1).view(images.shape)
        low, high = _limits(normalize, out)
        return out.clamp_(low, high).view(images.shape)


def color_jitter_into(
    out: Tensor,
    images: Tensor,
    parameters: ColorJitterParams,
    normalize: tuple[Tensor, Tensor],
    chosen: Sequence[bool],
    means: Tensor | None = None,
) -> None:
    """Write the chosen images, jittered and normalised, into a tensor on a CPU.

    One image after the other, which then lies in the cache.

    Args:
        out: Contiguous, of the shape of `images`; the others stay as they are.
        images: See `color_jitter`.
        parameters: Likewise.
        normalize: Likewise.
        chosen: N flags.
        means: See `color_jitter`.
    """
    places = [index for index, flag in enumerate(chosen) if flag]
    frames = images if images.dim() == 5 else images.unsqueeze(1)
    if means is None:
        own_means = torch.stack([frames[place].mean((-2, -1)) for place in places])
        own_means = own_means.unsqueeze(-1)
    else:
        own_means = means[places]
    own = ColorJitterParams(*(values[places] for values in parameters))
    matrix, offset = _maps(frames, own, normalize, own_means)
    low, high = (limit.flatten().tolist() for limit in _limits(normalize, out))
    size = (frames.shape[1], 3, -1)
    for index, place in enumerate(places):
        source, target = frames[place].reshape(size), out[place].view(size)
        linear = matrix[index].expand(len(source), -1, -1)
        torch.baddbmm(offset[index], linear, source, out=target)
        for channel, (least, most) in enumerate(zip(low, high)):
            target[:, channel].clamp_(least, most)


def _maps(
    frames: Tensor,
    parameters: ColorJitterParams,
    normalize: tuple[Tensor, Tensor] | None,
    means: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return matrix (N, 1, 3, 3) and offset (N, F, 3, 1) of frames (N, F, 3, H, W).

    Args:
        frames: See `color_jitter`.
        parameters: Likewise.
        normalize: Likewise.
        means: Mean colours (N, F, 3, 1), if known.
    """
    matrix, offset = _affine(
        _operations(parameters, frames),
        parameters.contrast.to(frames),
        parameters.order,
        frames.mean((-2, -1)).unsqueeze(-1) if means is None else means,
    )
    if normalize is not None:
        mean, std = (value.to(frames).view(-1, 1) for value in normalize)
        matrix, offset = matrix / std, (offset - mean) / std
    return matrix, offset


def _limits(normalize: tuple[Tensor, Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return 0 and 1, normalised, (3, 1)."""
    mean, std = (value.to(like).view(-1, 1).expand(3, 1) for value in normalize)
    return -mean / std, (1 - mean) / std


def changes(parameters: ColorJitterParams) -> list[bool]:
    """Tell which images get other colours."""
    factors = torch.stack(parameters[:3])
    return ((factors != 1).any(0) | (parameters.hue != 0)).tolist()


def _operations(parameters: ColorJitterParams, like: Tensor) -> Tensor:
    """Return the linear parts of the four operations, (N, 4, 3, 3)."""
    eye = torch.eye(3, dtype=like.dtype, device=like.device)
    to_yiq = constant(_YIQ, like)
    to_grey = to_yiq[:1].expand(3, 3)
    factors = [f.to(like)[:, None, None] for f in parameters[:_OPERATIONS]]
    angle = -2 * math.pi * factors[3][:, 0, 0]
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], -1)
    from_yiq = constant(_FROM_YIQ, like)
    turned = apply_matrix(from_yiq, apply_matrix(turn.unflatten(-1, (3, 3)), to_yiq))
    return torch.stack(
        [
            factors[0] * eye,
            factors[1] * eye,
            factors[2] * eye + (1 - factors[2]) * to_grey,
            turned,
        ],
        1,
    )


def _affine(
    operations: Tensor, contrast: Tensor, order: Tensor, means: Tensor
) -> tuple[Tensor, Tensor]:
    """Compose the operations, each image in its own order.

    Args:
        operations: (N, 4, 3, 3).
        contrast: (N,).
        order: (N, 4).
        means: Mean colour of each frame, (N, F, 3, 1).

    Returns:
        Matrix (N, 1, 3, 3) and offset (N, F, 3, 1).
    """
    luma = constant(LUMA, means)[:, None]
    rows = torch.arange(len(order), device=order.device)
    matrix = torch.eye(3, dtype=means.dtype, device=means.device).expand(
        len(order), 1, 3, 3
    )
    offset = torch.zeros_like(means)
    for step in range(_OPERATIONS):
        which = order[:, step]
        # The mean luma of the image as it is at this step.
        colour = apply_matrix(matrix, means) + offset
        grey = (colour * luma).sum(-2, keepdim=True)
        blend = torch.where(which == _CONTRAST, 1 - contrast, 0)[:, None, None, None]
        operation = operations[rows, which].unsqueeze(1)
        matrix = apply_matrix(operation, matrix)
        offset = apply_matrix(operation, offset) + blend * grey
    return matrix, offset
