"""View synthesis: source images seen from the target camera.

Convention
    - `depth` belongs to the target image, a transform maps target-camera points
      to source-camera points, all cameras of a sample share K.
    - A target pixel p is looked up at K T (depth K^-1 p), bilinearly, with pixel
      centres at integers (`align_corners=True`) and border pixels repeated outside.
    - `valid` is False where that position does not exist: depth zero, negative or not
      finite, the point behind the source camera, a transform or K that is not finite.
      A pixel that only leaves the image is valid (border colour), as in Godard et al.,
      ICCV 2019.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmdepthseg.geometry.projection import Z_EPS, divide_by_z, inverse_intrinsics
from mmdepthseg.geometry.tensors import (
    apply_matrix,
    check_shape,
    full_precision,
    no_autocast,
)

# Larger than any sensible number of a camera, motion or depth; products of four of
# them stay finite in float32.
_HUGE = 1e6


def synthesize_views(
    sources: Tensor, depth: Tensor, transforms: Tensor, cam2img: Tensor
) -> tuple[Tensor, Tensor]:
    """Warp F source images per sample into the target view (MD2, equation 2).

    The grid passed to `F.grid_sample` is finite for any input, because a single NaN in
    it would crash the process in backward on the CPU.

    Args:
        sources: Source images, (N, F, C, H, W).
        depth: Depth of the target pixels, metres, (N, 1, H, W).
        transforms: Target camera -> source camera, (N, F, 4, 4).
        cam2img: K, (N, 3, 3), in pixels of these images.

    Returns:
        The warped images (N, F, C, H, W), and a bool map (N, F, 1, H, W) of the
        pixels that could be looked up. The others show an arbitrary colour of the
        source and pass no gradient to depth or transform.

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('sources', sources, (None, None, None, None, None))
    batch, frames, _, height, width = sources.shape
    check_shape('depth', depth, (batch, 1, height, width))
    check_shape('transforms', transforms, (batch, frames, 4, 4))
    check_shape('cam2img', cam2img, (batch, 3, 3))
    if height < 2 or width < 2:
        raise ValueError(f'Images must be at least 2x2, got {height}x{width}')
    with no_autocast(sources):
        sources, depth, transforms, cam2img = full_precision(
            sources, depth, transforms, cam2img
        )
        grid, valid = _sampling_grid(
            depth, transforms.to(depth.dtype), cam2img.to(depth.dtype)
        )
        warped = F.grid_sample(
            sources.flatten(0, 1),
            grid.flatten(0, 1).permute(0, 2, 3, 1).to(sources.dtype),
            mode='bilinear',
            padding_mode='border',
            align_corners=True,
        )
        return warped.unflatten(0, (batch, frames)), valid


def _sampling_grid(
    depth: Tensor, transforms: Tensor, cam2img: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the position of each target pixel in the source, [-1, 1] if inside.

    K (R depth K^-1 p + t) = depth (K R K^-1) p + K t: one matrix per camera pair
    instead of three products per pixel.

    Returns:
        Grid (N, F, 2, H, W) and validity (N, F, 1, H, W).
    """
    transforms, cam2img, usable = _sane_cameras(transforms, cam2img)
    to_grid = _normalised_intrinsics(cam2img, *depth.shape[-2:]).unsqueeze(1)
    turn = apply_matrix(to_grid, transforms[..., :3, :3])
    turn = apply_matrix(turn, inverse_intrinsics(cam2img).unsqueeze(1))
    shift = apply_matrix(to_grid, transforms[..., :3, 3:])
    return _PlaneSweep.apply(depth.unsqueeze(1), turn, shift.unsqueeze(-1), usable)


class _PlaneSweep(torch.autograd.Function):
    """grid = (X, Y) / Z with (X, Y, Z) = depth * turn (x, y, 1) + shift.

    It has its own gradient because autograd keeps and sums nine full-size maps where
    the closed form needs four. It is differentiable once.
    """

    @staticmethod
    def forward(ctx, depth: Tensor, turn: Tensor, shift: Tensor, usable: Tensor):
        # depth (N, 1, 1, H, W), turn (N, F, 3, 3), shift (N, F, 3, 1, 1).
        known = (depth > 0) & (depth < _HUGE)
        depth = torch.where(known, depth, torch.ones_like(depth))
        xs, ys = _pixel_axes(depth)
        # turn (x, y, 1) is a row plus a column.
        columns = (turn[..., 0:1] * xs).unsqueeze(-2)
        rows = (turn[..., 1:2] * ys + turn[..., 2:3]).unsqueeze(-1)
        points = torch.addcmul(shift, depth, columns + rows)
        grid, valid, z = divide_by_z(points[:, :, :2], points[:, :, 2:], known & usable)
        ctx.save_for_backward(depth, shift, grid, z)
        ctx.mark_non_differentiable(valid)
        return grid, valid

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, _):
        depth, shift, grid, z = ctx.saved_tensors
        xs, ys = _pixel_axes(depth)
        # Gradients of X, Y and Z; 0 where z was set to infinity.
        by_xy = gradient / z
        by_z = (by_xy * grid).sum(2, keepdim=True).neg_()
        by_points = torch.cat([by_xy, by_z], 2)
        # (X, Y, Z) - shift = depth * ray, and (X, Y, Z + eps) . by_points = 0.
        offset = shift.clone()
        offset[:, :, 2] += Z_EPS
        by_depth = (by_points * offset).sum((1, 2))[:, None, None].neg_().div_(depth)
        by_shift = by_points.sum((-2, -1), keepdim=True)
        by_rays = by_points.mul_(depth)
        by_rows = by_rays.sum(-1)
        by_turn = torch.stack(
            [
                (by_rays.sum(-2) * xs).sum(-1),
                (by_rows * ys).sum(-1),
                by_rows.sum(-1),
            ],
            -1,
        )
        return by_depth, by_turn, by_shift, None


def _pixel_axes(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates 0..W-1 and 0..H-1 of a map (..., H, W)."""
    columns, rows = (
        torch.arange(like.shape[dim], dtype=like.dtype, device=like.device)
        for dim in (-1, -2)
    )
    return columns, rows


def _sane_cameras(transforms: Tensor, cam2img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Replace matrices that would only give NaN by the identity.

    Returns:
        Transforms, K, and a bool (N, F, 1, 1, 1), True where they are the given ones.
    """
    moves = _is_sane(transforms)
    focal = cam2img[:, :2, :2].diagonal(dim1=1, dim2=2)
    sees = _is_sane(cam2img) & (focal.abs() > 1 / _HUGE).all(1)
    eye = torch.eye(4, dtype=cam2img.dtype, device=cam2img.device)
    transforms = torch.where(moves[..., None, None], transforms, eye)
    cam2img = torch.where(sees[:, None, None], cam2img, eye[:3, :3])
    return transforms, cam2img, (moves & sees[:, None])[..., None, None, None]


def _is_sane(matrix: Tensor) -> Tensor:
    """Tell whether every entry of (..., R, C) is finite and below `_HUGE`.

    NaN < x is False.
    """
    return (matrix.abs() < _HUGE).all(-1).all(-1)


def _normalised_intrinsics(cam2img: Tensor, height: int, width: int) -> Tensor:
    """Return K for `grid_sample`'s [-1, 1] instead of pixels, (N, 3, 3)."""
    first, second, third = cam2img.unbind(1)
    return torch.stack(
        [first * (2 / (width - 1)) - third, second * (2 / (height - 1)) - third, third],
        1,
    )
