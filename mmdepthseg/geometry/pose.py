"""Rigid motion between cameras.

Convention
    - Rotation: axis-angle vector, its length the angle in radians.
    - `T = [R | t]` (4x4) maps points of the target camera to points of the
      source camera: P_source = R P_target + t. Translations in metres.
    - A pose network sees two frames in temporal order. For an *earlier* source
      frame it predicts the motion source -> target, hence `invert=True`.
"""

import torch
from torch import Tensor

from mmdepthseg.geometry.tensors import (
    apply_matrix,
    check_shape,
    full_precision,
    no_autocast,
)

# Below this squared angle the series is exact in float32; the quotients, whose gradient
# is 0/0 at a zero vector, are not used.
_SMALL_ANGLE_SQUARED = 1e-6


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Return the rotation matrices of axis-angle vectors (Rodrigues' formula).

    R = cos(a) I + sin(a)/a [v]x + (1 - cos(a))/a^2 v v^T with a = |v|. Finite
    gradients for every vector, the zero vector included.

    Args:
        axis_angle: (N, 3), radians.

    Returns:
        Rotation matrices, (N, 3, 3).

    Raises:
        ValueError: The shape is not (N, 3).
    """
    check_shape('axis_angle', axis_angle, (None, 3))
    with no_autocast(axis_angle):
        (vector,) = full_precision(axis_angle)
        squared = (vector * vector).sum(-1)
        small = squared < _SMALL_ANGLE_SQUARED
        safe = torch.where(small, torch.ones_like(squared), squared)
        angle = safe.sqrt()
        sine = torch.where(small, 1 - squared / 6, angle.sin() / angle)
        # 1 - cos(a) = 2 sin(a/2)^2 loses no digits for small angles.
        versine = torch.where(
            small, 0.5 - squared / 24, 2 * (angle / 2).sin().square() / safe
        )
        x, y, z = vector.unbind(-1)
        zero = torch.zeros_like(x)
        cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
        cross = cross.unflatten(-1, (3, 3))
        outer = vector.unsqueeze(-1) * vector.unsqueeze(-2)
        eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
        sine, versine, squared = (c[:, None, None] for c in (sine, versine, squared))
        # cos(a) = 1 - a^2 * versine
        return eye * (1 - squared * versine) + sine * cross + versine * outer


def pose_vector_to_matrix(
    axis_angle: Tensor, translation: Tensor, invert: bool = False
) -> Tensor:
    """Return 4x4 transforms of pose vectors.

    Args:
        axis_angle: (N, 3), radians.
        translation: (N, 3), metres.
        invert: Return the inverse motion, [R^T | -R^T t], instead of [R | t].

    Returns:
        Transforms, (N, 4, 4).

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('translation', translation, (axis_angle.shape[0], 3))
    rotation = axis_angle_to_matrix(axis_angle)
    with no_autocast(rotation):
        shift = translation.to(rotation.dtype).unsqueeze(-1)
        if invert:
            rotation = rotation.transpose(1, 2)
            shift = -apply_matrix(rotation, shift)
        last = torch.zeros_like(rotation[:, :1])
        one = torch.ones_like(shift[:, :1])
        return torch.cat(
            [torch.cat([rotation, shift], 2), torch.cat([last, one], 2)], 1
        )


def transform_points(transform: Tensor, points: Tensor) -> Tensor:
    """Apply rigid transforms to points: R P + t.

    Args:
        transform: (N, 4, 4).
        points: (N, 3, H, W), metres.

    Returns:
        Points in the other camera's frame, (N, 3, H, W).

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('points', points, (None, 3, None, None))
    check_shape('transform', transform, (points.shape[0], 4, 4))
    with no_autocast(points):
        points, transform = full_precision(points, transform)
        transform = transform.to(points.dtype)
        moved = apply_matrix(transform[:, :3, :3], points.flatten(2))
        moved = moved + transform[:, :3, 3:]
        return moved.unflatten(-1, points.shape[-2:])
