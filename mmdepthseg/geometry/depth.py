"""Disparity of a network and depth.

Convention
    - disparity: sigmoid output of a network, in (0, 1), without unit.
    - scaled disparity = 1/max_depth + (1/min_depth - 1/max_depth) * disparity,
      in 1/metres; depth = 1 / scaled disparity. Disparity 0 is `max_depth`,
      disparity 1 is `min_depth`.
"""

from torch import Tensor

from mmdepthseg.geometry.tensors import full_precision, no_autocast
from mmdepthseg.utils.errors import UserError


def check_depth_range(owner: str, min_depth: float, max_depth: float) -> None:
    """Refuse a range of depths that is empty or not positive.

    Args:
        owner: Whose range it is, for the message.
        min_depth: Depth of disparity 1, metres.
        max_depth: Depth of disparity 0, metres.

    Raises:
        UserError: `0 < min_depth < max_depth` does not hold.
    """
    if not 0 < min_depth < max_depth:
        raise UserError(
            f'{owner}: expected 0 < min_depth < max_depth, got min_depth={min_depth}, '
            f'max_depth={max_depth}'
        )


def disparity_to_depth(
    disparity: Tensor, min_depth: float = 0.1, max_depth: float = 100.0
) -> tuple[Tensor, Tensor]:
    """Turn a network's disparity into depth (Godard et al., ICCV 2019, section 3.1).

    Args:
        disparity: In (0, 1), any shape; lower precision is cast to float32.
        min_depth: Depth of disparity 1, metres.
        max_depth: Depth of disparity 0, metres.

    Returns:
        Scaled disparity (1/metres) and depth (metres), both of the input's shape.

    Raises:
        UserError: `0 < min_depth < max_depth` does not hold.
    """
    check_depth_range('disparity_to_depth', min_depth, max_depth)
    (disparity,) = full_precision(disparity)
    with no_autocast(disparity):
        nearest, farthest = 1 / min_depth, 1 / max_depth
        scaled = farthest + (nearest - farthest) * disparity
        return scaled, scaled.reciprocal()


def depth_to_disparity(
    depth: Tensor, min_depth: float = 0.1, max_depth: float = 100.0
) -> Tensor:
    """Return the inverse of `disparity_to_depth`: the disparity of a depth.

    Args:
        depth: Metres, any shape, positive. Depths outside the range give values
            outside [0, 1]; 0 ("not measured") gives infinity.
        min_depth: Depth of disparity 1, metres.
        max_depth: Depth of disparity 0, metres.

    Returns:
        Disparity, of the input's shape.

    Raises:
        UserError: `0 < min_depth < max_depth` does not hold.
    """
    check_depth_range('depth_to_disparity', min_depth, max_depth)
    (depth,) = full_precision(depth)
    with no_autocast(depth):
        nearest, farthest = 1 / min_depth, 1 / max_depth
        return (depth.reciprocal() - farthest) / (nearest - farthest)
