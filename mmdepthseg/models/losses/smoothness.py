"""Edge-aware smoothness of disparity."""

import torch
from torch import Tensor, nn

from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.registry import MODELS


@MODELS.register_module()
class EdgeAwareSmoothness(nn.Module):
    """Edge-aware smoothness of mean-normalised disparity (MD2, equation 3).

    `mean |dx d*| exp(-mean_c |dx I|) + mean |dy d*| exp(-mean_c |dy I|)` with
    `d* = d / (mean(d) + 1e-7)` per image, so that the term cannot be lowered by
    shrinking the disparity. No weight is applied.

    Args:
        normalize: Whether to divide the disparity by its mean.
    """

    def __init__(self, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, disparity: Tensor, image: Tensor) -> Tensor:
        """Return the smoothness of a batch.

        Args:
            disparity: Network disparity, (N, 1, H, W).
            image: Image of the same size in [0, 1], (N, C, H, W); no gradient.

        Returns:
            Scalar.

        Raises:
            ValueError: The shapes do not fit or a side is below 2.
        """
        check_shape('disparity', disparity, (None, 1, None, None))
        batch, _, height, width = disparity.shape
        check_shape('image', image, (batch, None, height, width))
        if height < 2 or width < 2:
            raise ValueError(
                f'Smoothness needs at least 2x2 pixels, got {height}x{width}'
            )
        with no_autocast(disparity):
            disparity, image = full_precision(disparity, image)
            weight_x, weight_y = edge_weights(image)
            # |d(disp / m)| = |d disp| / m for the positive mean m: dividing the
            # sums, not the map, saves a full-size copy.
            per_image = (disparity.diff(dim=-1).abs() * weight_x).mean((1, 2, 3)) + (
                disparity.diff(dim=-2).abs() * weight_y
            ).mean((1, 2, 3))
            if self.normalize:
                per_image = per_image / (disparity.mean((1, 2, 3)) + 1e-7)
            return per_image.mean()


@torch.no_grad()
def edge_weights(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return `exp(-mean_c |dI|)` along x (N, 1, H, W - 1) and y (N, 1, H - 1, W)."""
    along_x, along_y = (
        image.diff(dim=dim).abs_().mean(1, keepdim=True).neg_().exp_()
        for dim in (-1, -2)
    )
    return along_x, along_y
