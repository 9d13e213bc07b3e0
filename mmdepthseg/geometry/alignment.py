"""Direct image alignment: refining the camera motion between two frames.

Convention
    As in `.warp`: depth belongs to the target frame, a transform maps
    target-camera points to source-camera points. A small motion is six numbers,
    translation first, then axis-angle, applied on the left of the transform.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdepthseg.geometry.pose import pose_vector_to_matrix, transform_points
from mmdepthseg.geometry.projection import backproject, project
from mmdepthseg.geometry.tensors import (
    check_shape,
    constant,
    full_precision,
    multiply_small,
    no_autocast,
)

# Added to a normal equation whose diagonal is 1.
_DAMPING = 1e-4


class Alignment(NamedTuple):
    """Result of `align_frames`.

    Attributes:
        transform: Target camera -> source camera, (N, 4, 4); the given one if no better
            one was found.
        improved: Whether it is a new one, bool (N,).
    """

    transform: Tensor
    improved: Tensor


class _Normal(NamedTuple):
    """Normal equations of a Gauss-Newton step at a transform.

    Attributes:
        matrix: (N, 6, 6).
        vector: (N, 6).
        cost: Mean over the pixels that are used, (N,).
        pixels: Positions of the target's pixels in the source, (N, 2, H, W).
        counted: Pixels that are used, bool (N, 1, H, W).
    """

    matrix: Tensor
    vector: Tensor
    cost: Tensor
    pixels: Tensor
    counted: Tensor


@torch.no_grad()
def align_frames(
    target: Tensor,
    source: Tensor,
    depth: Tensor,
    transform: Tensor,
    cam2img: Tensor,
    iterations: int = 2,
    robust: float = 0.02,
    max_shift: float = 0.03,
) -> Alignment:
    """Refine camera motions by direct alignment, given the target's depth.

    Gauss-Newton steps on the brightness difference of the target and the warped
    source over all pixels (Lucas and Kanade, IJCAI 1981; with depth from a network:
    Wang et al., "Learning Depth from Monocular Videos using Direct Methods", CVPR
    2018). Fair's weights 1 / (1 + |r| / robust) limit the influence of moving objects
    and occlusions. The initial transform must be right to about a pixel, as that of a
    pose network is. The given transform is returned if the cost has not fallen, or fell
    because the motion diverged: the pixels moved by more than `max_shift` on average,
    or fewer than half of them still lie in the source (few pixels cost little).

    Args:
        target: Images in [0, 1], (N, C, H, W); their mean over C is compared.
        source: Images in [0, 1], (N, C, H, W).
        depth: Depth of the target, (N, 1, H, W).
        transform: Initial transforms, (N, 4, 4).
        cam2img: K, (N, 3, 3).
        iterations: Gauss-Newton steps.
        robust: Difference at which the weight of a pixel is halved.
        max_shift: Largest mean shift of the pixels, as a share of the width.

    Returns:
        The refined transforms, without gradient.

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('target', target, (None, None, None, None))
    check_shape('source', source, target.shape)
    check_shape('transform', transform, (target.shape[0], 4, 4))
    with no_autocast(target):
        target, source, depth, start, cam2img = full_precision(
            target, source, depth, transform, cam2img
        )
        target = target.mean(1, keepdim=True)
        source = source.mean(1, keepdim=True)
        maps = torch.cat([source, *_gradients(source)], 1)
        points = backproject(depth, cam2img)
        found = start
        first = last = _linearise(target, maps, points, found, cam2img, robust)
        for _ in range(iterations):
            step = _solve(last)
            moved = pose_vector_to_matrix(step[:, 3:], step[:, :3])
            found = multiply_small(moved, found)
            last = _linearise(target, maps, points, found, cam2img, robust)
        improved = _is_improved(first, last, max_shift * target.shape[-1])
        return Alignment(torch.where(improved[:, None, None], found, start), improved)


def _is_improved(first: _Normal, last: _Normal, max_pixels: float) -> Tensor:
    """Tell whether the cost has fallen and the motion has not diverged, bool (N,).

    False if anything is NaN.
    """
    both = (first.counted & last.counted).flatten(1)
    distance = (last.pixels - first.pixels).norm(dim=1).flatten(1)
    shift = torch.where(both, distance, torch.zeros_like(distance)).sum(1) / both.sum(1)
    kept = both.sum(1) >= 0.5 * first.counted.flatten(1).sum(1)
    return (last.cost < first.cost) & (shift <= max_pixels) & kept


def _gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central differences along x and y, (N, 1, H, W)."""
    padded = F.pad(image, (1, 1, 1, 1), mode='replicate')
    return (
        (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2,
        (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2,
    )


def _linearise(
    target: Tensor,
    maps: Tensor,
    points: Tensor,
    transform: Tensor,
    cam2img: Tensor,
    robust: float,
) -> _Normal:
    """Return the normal equations at a transform.

    Pixels that leave the image are not used.
    """
    height, width = target.shape[-2:]
    moved = transform_points(transform, points)
    pixels, valid = project(moved, cam2img)
    size = constant([width - 1, height - 1], pixels)[:, None, None]
    valid = valid & ((pixels >= 0) & (pixels <= size)).all(1, keepdim=True)
    grid = (2 * pixels / size - 1).permute(0, 2, 3, 1)
    warped = F.grid_sample(maps, grid, padding_mode='border', align_corners=True)
    residual = (warped[:, :1] - target).flatten(1)
    counted = valid.flatten(1)
    # invalid points may hold any numbers
    x, y, z = torch.where(valid, moved, torch.ones_like(moved)).flatten(2).unbind(1)
    by_x = warped[:, 1].flatten(1) * cam2img[:, 0, 0, None] / z
    by_y = warped[:, 2].flatten(1) * cam2img[:, 1, 1, None] / z
    by_z = -(by_x * x + by_y * y) / z
    # for a translation, and for a rotation: point x gradient
    turned = by_z * y - by_y * z, by_x * z - by_z * x, by_y * x - by_x * y
    jacobian = torch.stack([by_x, by_y, by_z, *turned], 1)
    share = residual.abs() / robust
    weight = counted / (1 + share)
    weighted = jacobian * weight[:, None]
    # Fair's function, whose weights these are
    cost = ((share - share.log1p()) * counted).sum(1) / counted.sum(1)
    return _Normal(
        weighted @ jacobian.transpose(1, 2),
        (weighted * residual[:, None]).sum(2),
        cost,
        pixels,
        valid,
    )


def _solve(normal: _Normal) -> Tensor:
    """Return the six numbers of a step, (N, 6); zero if there is no solution."""
    # metres and radians have different scales: normalise to a unit diagonal
    scale = normal.matrix.diagonal(dim1=1, dim2=2).clamp(min=1e-12).rsqrt()
    matrix = normal.matrix * scale[:, :, None] * scale[:, None]
    eye = torch.eye(6, dtype=matrix.dtype, device=matrix.device)
    vector = (normal.vector * scale)[..., None]
    step, _ = torch.linalg.solve_ex(matrix + _DAMPING * eye, vector)
    step = -step[..., 0] * scale
    return torch.where(step.isfinite().all(1, keepdim=True), step, 0 * scale)
