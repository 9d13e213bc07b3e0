"""Pinhole cameras: intrinsics that follow the image, back-projection, projection.

Convention
    - `cam2img` K = [[fx, s, cx], [0, fy, cy], [0, 0, 1]] (skew s, mostly 0), in
      pixels of the image as it is now; pixel centres are at integers, so an image
      covers [-0.5, W - 0.5] x [-0.5, H - 0.5].
    - A point (X, Y, Z) is seen at u = (fx X + s Y) / Z + cx, v = fy Y / Z + cy.
    - The `*_intrinsics` functions take numpy arrays or tensors of shape
      (..., 3, 3) and return a new one.
"""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import (
    apply_matrix,
    check_shape,
    full_precision,
    no_autocast,
)

Matrix = TypeVar('Matrix', np.ndarray, Tensor)

#: Points nearer to the camera's plane than this (metres) count as behind it.
#: A hundredth of the smallest depth in training; keeps every quotient finite.
MIN_Z = 1e-3

#: Added to z before dividing by it; kept for parity with published models.
Z_EPS = 1e-7


def _copy_of(cam2img: Matrix) -> Matrix:
    if tuple(cam2img.shape[-2:]) != (3, 3):
        raise ValueError(
            f'cam2img must have shape (..., 3, 3), got {tuple(cam2img.shape)}.'
        )
    return cam2img.clone() if isinstance(cam2img, Tensor) else np.array(cam2img)


def resize_intrinsics(cam2img: Matrix, scale_x: float, scale_y: float) -> Matrix:
    """Intrinsics of the image resized by (scale_x, scale_y).

    Half-pixel exact, as cv2.resize and `F.interpolate(align_corners=False)`
    resize: u' = (u + 0.5) * scale_x - 0.5.

    Args:
        cam2img: K, (..., 3, 3).
        scale_x: New width / old width.
        scale_y: New height / old height.

    Returns:
        A new K, (..., 3, 3).

    Raises:
        ValueError: If a scale is not positive or K is not 3x3.
    """
    if scale_x <= 0 or scale_y <= 0:
        raise ValueError(f'Scales must be positive, got ({scale_x}, {scale_y}).')
    out = _copy_of(cam2img)
    out[..., 0, :2] *= scale_x
    out[..., 1, 1] *= scale_y
    out[..., 0, 2] = (out[..., 0, 2] + 0.5) * scale_x - 0.5
    out[..., 1, 2] = (out[..., 1, 2] + 0.5) * scale_y - 0.5
    return out


def crop_intrinsics(cam2img: Matrix, left: float, top: float) -> Matrix:
    """Intrinsics of the crop whose first pixel is (left, top) of the image."""
    out = _copy_of(cam2img)
    out[..., 0, 2] -= left
    out[..., 1, 2] -= top
    return out


def pad_intrinsics(cam2img: Matrix, left: float, top: float) -> Matrix:
    """Intrinsics of the image with `left` columns and `top` rows put before."""
    return crop_intrinsics(cam2img, -left, -top)


def flip_intrinsics(cam2img: Matrix, width: float) -> Matrix:
    """Intrinsics of the image mirrored left-right.

    The world is mirrored with it (X -> -X), so that fx stays positive:
    cx' = (width - 1) - cx, and the skew changes its sign.

    Args:
        cam2img: K, (..., 3, 3).
        width: Width of the image in pixels.

    Returns:
        A new K, (..., 3, 3).
    """
    out = _copy_of(cam2img)
    out[..., 0, 1] *= -1
    out[..., 0, 2] = (width - 1) - out[..., 0, 2]
    return out


def inverse_intrinsics(cam2img: Tensor) -> Tensor:
    """K^-1 in closed form: no solver, hence no device synchronisation.

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
    """Points seen by the pixels: P = depth * K^-1 (x, y, 1).

    Args:
        depth: Z of each pixel in metres, (N, 1, H, W).
        cam2img: K, (N, 3, 3).

    Returns:
        Points in the camera's frame, (N, 3, H, W), metres.

    Raises:
        ValueError: If the shapes do not fit.
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
    """Pixels at which points are seen.

    Args:
        points: (N, 3, H, W) in the camera's frame, metres.
        cam2img: K, (N, 3, 3).

    Returns:
        Pixels (x, y) (N, 2, H, W) and a bool map (N, 1, H, W): False where the
        point is behind the camera (z <= `MIN_Z`) or not finite. Such pixels
        are set to 0 and pass no gradient. Pixels outside the image are valid.

    Raises:
        ValueError: If the shapes do not fit.
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
    """Perspective division that neither yields nor back-propagates NaN.

    Where `valid` is False or z <= `MIN_Z`, z is replaced by infinity *before*
    the division: the quotient is 0 and so are the gradients of both operands.

    Args:
        xy: Finite numerators, (..., 2, H, W).
        z: Denominators, finite where valid, (..., 1, H, W).
        valid: Bool, (..., 1, H, W).

    Returns:
        The quotients (..., 2, H, W), where they hold (..., 1, H, W), and the
        divisor z + `Z_EPS` or infinity (..., 1, H, W).
    """
    valid = valid & (z > MIN_Z)
    z = torch.where(valid, z + Z_EPS, torch.full_like(z, torch.inf))
    return xy / z, valid, z
