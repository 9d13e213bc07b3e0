"""Back-projection of pixels and projection of points, in batches.

K is that of `mmdepthseg.camera`; a batch of K, (N, 3, 3), is called `cam2img`.
"""

import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import (
    apply_matrix,
    check_shape,
    full_precision,
    no_autocast,
)

#: Points closer to the camera's plane than this (metres) are treated as behind it. It
#: is a hundredth of the smallest depth in training and keeps every quotient finite.
MIN_Z = 1e-3

#: Added to z before dividing by it; kept for parity with published models.
Z_EPS = 1e-7


def inverse_intrinsics(cam2img: Tensor) -> Tensor:
    """Return K^-1 in closed form: no solver, hence no device synchronisation.

    Args:
        cam2img: K (N, 3, 3), upper triangular with last row (0, 0, 1).

    Returns:
        K^-1, (N, 3, 3).
    """
    fx, skew, cx = cam2img[:, 0].unbind(-1)
    fy, cy = cam2img[:, 1, 1], cam2img[:, 1, 2]
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    first = torch.stack([1 / fx, -skew / (fx * fy), (skew * cy / fy - cx) / fx], -1)
    second = torch.stack([zero, 1 / fy, -cy / fy], -1)
    third = torch.stack([zero, zero, one], -1)
    return torch.stack([first, second, third], 1)


def backproject(depth: Tensor, cam2img: Tensor) -> Tensor:
    """Return the points seen by the pixels: P = depth * K^-1 (x, y, 1).

    Args:
        depth: Z of each pixel in metres, (N, 1, H, W).
        cam2img: K, (N, 3, 3).

    Returns:
        Points in the camera's frame, (N, 3, H, W), metres.

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('depth', depth, (None, 1, None, None))
    check_shape('cam2img', cam2img, (depth.shape[0], 3, 3))
    with no_autocast(depth):
        depth, cam2img = full_precision(depth, cam2img)
        cam2img = cam2img.to(depth.dtype)
        height, width = depth.shape[-2:]
        xs = torch.arange(width, dtype=depth.dtype, device=depth.device)
        ys = torch.arange(height, dtype=depth.dtype, device=depth.device)
        inverse = inverse_intrinsics(cam2img)
        rows = inverse[..., 1:2] * ys + inverse[..., 2:3]
        rays = (inverse[..., 0:1] * xs).unsqueeze(-2) + rows.unsqueeze(-1)
        return depth * rays


def project(points: Tensor, cam2img: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels at which points are seen.

    Args:
        points: (N, 3, H, W) in the camera's frame, metres.
        cam2img: K, (N, 3, 3).

    Returns:
        Pixels (x, y) (N, 2, H, W) and a bool map (N, 1, H, W): False where the
        point is behind the camera (z <= `MIN_Z`) or not finite. Such pixels
        are set to 0 and pass no gradient. Pixels outside the image are valid.

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('points', points, (None, 3, None, None))
    check_shape('cam2img', cam2img, (points.shape[0], 3, 3))
    with no_autocast(points):
        points, cam2img = full_precision(points, cam2img)
        finite = points.isfinite().all(1, keepdim=True)
        points = torch.where(finite, points, torch.zeros_like(points))
        image = apply_matrix(cam2img.to(points.dtype), points.flatten(2))
        image = image.unflatten(-1, points.shape[-2:])
        pixels, valid, _ = divide_by_z(image[:, :2], image[:, 2:], finite)
        return pixels, valid


def divide_by_z(xy: Tensor, z: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Divide by z without producing or back-propagating NaN.

    Where `valid` is False or z <= `MIN_Z`, z is replaced by infinity *before* the
    division, so the quotient and the gradients of both operands are 0.

    Args:
        xy: Finite numerators, (..., 2, H, W).
        z: Denominators, finite where valid, (..., 1, H, W).
        valid: Bool, (..., 1, H, W).

    Returns:
        The quotients (..., 2, H, W), their validity (..., 1, H, W), and the divisor
        z + `Z_EPS` or infinity (..., 1, H, W).
    """
    valid = valid & (z > MIN_Z)
    z = torch.where(valid, z + Z_EPS, torch.full_like(z, torch.inf))
    return xy / z, valid, z
