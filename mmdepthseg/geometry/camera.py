"""Pinhole cameras: K under image transforms, back-projection, projection.

Convention
    - K = [[fx, s, cx], [0, fy, cy], [0, 0, 1]] (skew s, usually 0), in pixels of the
      current image; pixel centres are at integers, so an image covers
      [-0.5, W - 0.5] x [-0.5, H - 0.5]. Batches of K, (N, 3, 3), are called `cam2img`.
    - A point (X, Y, Z) is seen at u = (fx X + s Y) / Z + cx, v = fy Y / Z + cy.
    - Sizes are (height, width).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from mmdepthseg.utils.errors import UserError

Size = tuple[int, int]
AnyCamera = TypeVar('AnyCamera', bound='Camera')

#: Points closer to the camera's plane than this (metres) are treated as behind it. It
#: is a hundredth of the smallest depth in training and keeps every quotient finite.
MIN_Z = 1e-3

#: Added to z before dividing by it; kept for parity with published models.
Z_EPS = 1e-7

#: Largest difference between the aspect ratio of stored images and that of K. KITTI's
#: 1242x375 resized to 640x192 differs by 0.6 %, a K of another sensor by far more.
ASPECT_TOLERANCE = 0.02


def same_aspect(size: Size, other: Size) -> bool:
    """Tell whether two sizes have the same aspect ratio, up to a pixel of rounding."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(*size, *other)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: K and the size of the image that K belongs to.

    Each method returns the camera of the image after that operation.

    Args:
        K: (3, 3), pixels.
        size: (height, width) of the image.
        baseline: Distance to the other camera of a stereo pair, metres; None: unknown.
        source: File or config key of K, for messages.

    Raises:
        UserError: If K is not the matrix of a pinhole camera.
    """

    K: np.ndarray
    size: Size
    baseline: float | None = None
    source: str = 'camera'

    def __post_init__(self) -> None:
        """Check K."""
        matrix = np.array(self.K, dtype=np.float64)
        object.__setattr__(self, 'K', matrix)
        object.__setattr__(self, 'size', (int(self.size[0]), int(self.size[1])))
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise UserError(
                f'{self.source}: K must be 3x3 and finite, got {matrix.tolist()}.'
            )
        if np.abs(matrix[[1, 2, 2, 2], [0, 0, 1, 2]] - (0, 0, 0, 1)).max() > 1e-6:
            raise UserError(
                f'{self.source}: K must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]], got '
                f'{matrix.tolist()}.'
            )
        if self.fx <= 0 or self.fy <= 0:
            raise UserError(
                f'{self.source}: focal lengths must be positive, got fx={self.fx:g}, '
                f'fy={self.fy:g}.'
            )
        if min(self.size) < 1:
            raise UserError(f'{self.source}: size must be positive, got {self.size}.')

    @property
    def fx(self) -> float:
        """Return the horizontal focal length in pixels."""
        return float(self.K[0, 0])

    @property
    def fy(self) -> float:
        """Return the vertical focal length in pixels."""
        return float(self.K[1, 1])

    def resized(self: AnyCamera, size: Size) -> AnyCamera:
        """Return the camera of the image resized to `size`.

        Half-pixel exact, as cv2.resize and `F.interpolate(align_corners=False)`
        resize: u' = (u + 0.5) * scale - 0.5.
        """
        scale = np.array([size[1] / self.size[1], size[0] / self.size[0]])
        return self._mapped(scale, 0.5 * scale - 0.5, size)

    def fitted(self: AnyCamera, size: Size, image: str = 'the image') -> AnyCamera:
        """Return the camera of the same view, stored at another size.

        Args:
            size: Size of the stored image.
            image: Name of the image in the message.

        Raises:
            UserError: If the aspect ratios differ by more than `ASPECT_TOLERANCE`: that
                image does not show the same view.
        """
        ratio = self.size[1] * size[0] / (self.size[0] * size[1])
        if not (same_aspect(self.size, size) or abs(ratio - 1) <= ASPECT_TOLERANCE):
            raise UserError(
                f'{self.source}: K belongs to an image of {self.size[1]}x'
                f'{self.size[0]} pixels, {image} has {size[1]}x{size[0]}: another '
                'aspect ratio, so it is another view. Give K of the images as they '
                'are, with their width and height.'
            )
        return self.resized(size)

    def cropped(self: AnyCamera, left: float, top: float, size: Size) -> AnyCamera:
        """Return the camera of the part of `size` whose first pixel is (left, top).

        The part may reach beyond the image, as with padding: `left` and `top` are then
        negative, or the size is larger.
        """
        return self._mapped(np.ones(2), np.array([-left, -top]), size)

    def flipped(self: AnyCamera, direction: str = 'horizontal') -> AnyCamera:
        """Return the camera of the mirrored image.

        The world is mirrored, too (horizontally X -> -X), so focal lengths stay
        positive: cx' = (W - 1) - cx.

        Args:
            direction: `'horizontal'`, `'vertical'` or `'diagonal'` (both).
        """
        mirrored = np.array([direction != 'vertical', direction != 'horizontal'])
        last = np.array(self.size[::-1]) - 1
        return self._mapped(np.where(mirrored, -1, 1), mirrored * last, self.size)

    def _mapped(
        self: AnyCamera, scale: np.ndarray, shift: np.ndarray, size: Sequence[int]
    ) -> AnyCamera:
        """Return the camera of the image with pixels moved to scale * uv + shift."""
        matrix = self.K.copy()
        matrix[:2] *= scale[:, None]
        matrix[:2, 2] += shift
        matrix[:, :2] *= np.sign(scale)  # a mirrored image shows the mirrored world
        return replace(self, K=matrix, size=(int(size[0]), int(size[1])))


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
    """Return the pixels at which points are seen.

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
