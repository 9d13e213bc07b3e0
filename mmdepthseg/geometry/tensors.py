"""Checks and precision shared by the geometry modules.

Convention
    A shape is given as a tuple whose entries are sizes, or None for "any".
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def check_shape(name: str, tensor: Tensor, shape: Sequence[int | None]) -> None:
    """Raise a ValueError unless `tensor` has the given shape (None = any)."""
    got = tuple(tensor.shape)
    fits = len(got) == len(shape) and all(
        want is None or want == have for want, have in zip(shape, got)
    )
    if not fits:
        wanted = ', '.join('*' if size is None else str(size) for size in shape)
        raise ValueError(f'{name} must have shape ({wanted}), got {got}')


def full_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Cast half precision and integers to float32; leave float32 and float64."""
    return tuple(
        t if t.dtype in (torch.float32, torch.float64) else t.float() for t in tensors
    )


def no_autocast(tensor: Tensor) -> torch.autocast:
    """Return the context in which autocast is off for the device of `tensor`.

    Coordinates of a 2048 pixel wide image need 11 bits before the binary point, so
    half-precision products would have none left after it.
    """
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def constant(
    values: Sequence | float, like: Tensor, dtype: torch.dtype | None = None
) -> Tensor:
    """Return small numbers on the device of `like`, without waiting for it.

    `torch.tensor(values, device=...)` would wait for all that a GPU still has to do.

    Args:
        values: Numbers.
        like: Has the device, and the type if `dtype` is None.
        dtype: Of the result.
    """
    made = torch.tensor(values, dtype=dtype or like.dtype)
    return made.to(like.device, non_blocking=True)


def multiply_small(first: Tensor, second: Tensor) -> Tensor:
    """Multiply (..., R, K) x (..., K, L) -> (..., R, L) in full precision.

    As sums of products for the same reason as in `apply_matrix`; for small matrices.
    """
    return (first.unsqueeze(-1) * second.unsqueeze(-3)).sum(-2)


def apply_matrix(matrix: Tensor, columns: Tensor) -> Tensor:
    """Multiply (..., R, 3) x (..., 3, L) -> (..., R, L) in full precision.

    It is a sum of three outer products, because with TF32 allowed for `@`, a common
    setting for speed, a coordinate on a GPU would have 10 bits.
    """
    first, second, third = (matrix[..., i : i + 1] for i in range(3))
    out = first * columns[..., 0:1, :] + second * columns[..., 1:2, :]
    return out + third * columns[..., 2:3, :]
