"""Direct image alignment: the camera motion that makes two frames agree.

Convention
    As in `.warp`: depth belongs to the target frame, a transform maps
    target-camera points to source-camera points. A small motion is six numbers,
    translation first, then axis-angle, applied on the left of the transform.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdepthseg.geometry.camera import backproject, project
from mmdepthseg.geometry.pose import pose_vector_to_matrix, transform_points
from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast

# Added to a normal equation whose diagonal is 1.
_DAMPING = 1e-4


class Alignment(NamedTuple):
    """What `align_frames` found.

    Attributes:
        transform: Target camera -> source camera, (N, 4, 4); the given one where
            nothing better was found.
        improved: Bool (N,): where it is another one.
    """

    transform: Tensor
    improved: Tensor


class _Normal(NamedTuple):
    """Normal equations of a Gauss-Newton step, and where they were made.

    Attributes:
        matrix: (N, 6, 6).
        vector: (N, 6).
        cost: Mean over the pixels that count, (N,).
        pixels: Where the target's pixels lie in the source, (N, 2, H, W).
        counted: Which of them count, bool (N, 1, H, W).
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
    2018). Fair's weights 1 / (1 + |r| / robust) keep moving objects and occlusions
    from deciding. The start must be right to about a pixel: a pose network's. Where
    the cost has not fallen, or fell because the motion ran away (the pixels moved by
    more than `max_shift` in the mean, or fewer than half of them still lie in the
    source: then little is compared, which costs little), the given transform comes
    back.

    Args:
        target: Images in [0, 1], (N, C, H, W); their mean over C is compared.
        source: Images in [0, 1], (N, C, H, W).
        depth: Of the target, (N, 1, H, W).
        transform: Where to start, (N, 4, 4).
        cam2img: K, (N, 3, 3).
        iterations: Gauss-Newton steps.
        robust: Difference from which on a pixel loses weight.
        max_shift: How far a result may lie from the start, as a share of the width.

    Returns:
        The refined transforms, without gradient.

    Raises:
        ValueError: If the shapes do not fit.
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
            found = pose_vector_to_matrix(step[:, 3:], step[:, :3]) @ found
            last = _linearise(target, maps, points, found, cam2img, robust)
        improved = _is_improved(first, last, max_shift * target.shape[-1])
        return Alignment(torch.where(improved[:, None, None], found, start), improved)


def _is_improved(first: _Normal, last: _Normal, max_pixels: float) -> Tensor:
    """Tell whether the cost has fallen and the motion has not run away, bool (N,).

    False where something is NaN.
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

    Pixels that leave the image do not count.
    """
    height, width = target.shape[-2:]
    moved = transform_points(transform, points)
    pixels, valid = project(moved, cam2img)
    size = pixels.new_tensor([width - 1, height - 1])[:, None, None]
    valid = valid & ((pixels >= 0) & (pixels <= size)).all(1, keepdim=True)
    grid = (2 * pixels / size - 1).permute(0, 2, 3, 1)
    warped = F.grid_sample(maps, grid, padding_mode='border', align_corners=True)
    residual = (warped[:, :1] - target).flatten(1)
    counted = valid.flatten(1)
    # where a point is not valid its numbers may be anything
    x, y, z = torch.where(valid, moved, torch.ones_like(moved)).flatten(2).unbind(1)
    by_x = warped[:, 1].flatten(1) * cam2img[:, 0, 0, None] / z
    by_y = warped[:, 2].flatten(1) * cam2img[:, 1, 1, None] / z
    by_z = -(by_x * x + by_y * y) / z
    # of a translation, and of a rotation: point x gradient
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
    """Return the six numbers of a step, (N, 6); zero where there is none."""
    # metres and radians differ in size: unit diagonal
    scale = normal.matrix.diagonal(dim1=1, dim2=2).clamp(min=1e-12).rsqrt()
    matrix = normal.matrix * scale[:, :, None] * scale[:, None]
    eye = torch.eye(6, dtype=matrix.dtype, device=matrix.device)
    vector = (normal.vector * scale)[..., None]
    step, _ = torch.linalg.solve_ex(matrix + _DAMPING * eye, vector)
    step = -step[..., 0] * scale
    return torch.where(step.isfinite().all(1, keepdim=True), step, 0 * scale)
