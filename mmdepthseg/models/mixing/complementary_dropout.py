"""Two views of an image see complementary halves of the features."""

import torch
from torch import Tensor, nn

from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class ComplementaryDropout(nn.Module):
    """Drop half of the channels in one view, and the other half in the other.

    For an image's two strong views a mask `M ~ Bernoulli(0.5)` is drawn for each level
    and channel: the features of the first view are multiplied by `2 M`, those of the
    second by `2 (1 - M)` (Yang et al., UniMatch V2, 2024, section 3.3). Together the
    two must explain the image with disjoint sets of channels.

    Args:
        whole: Share of the images whose features stay whole, in [0, 1]: with all of
            them masked the student never sees features as they are at test time.

    Raises:
        UserError: `whole` is not in [0, 1].
    """

    def __init__(self, whole: float = 0.5) -> None:
        super().__init__()
        if not 0 <= whole <= 1:
            raise UserError(f'whole must be in [0, 1], got {whole}')
        self.whole = whole

    def forward(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Mask the features of two views of each image.

        Args:
            features: Levels (2 N, C, H, W), the first N of the one view, the other N
                of the other.

        Returns:
            The same shapes.

        Raises:
            UserError: The batch does not hold two views.
        """
        count = len(features[0])
        if count % 2:
            raise UserError(f'ComplementaryDropout needs two views, got {count} images')
        stays = torch.rand(count // 2, 1, 1, 1) < self.whole
        return tuple(level * self._factors(level, stays) for level in features)

    def _factors(self, level: Tensor, stays: Tensor) -> Tensor:
        mask = torch.rand(len(level) // 2, level.shape[1], 1, 1) < 0.5
        factors = 2 * torch.cat([mask, ~mask])
        factors = factors.masked_fill(torch.cat([stays, stays]), 1)
        return factors.to(level, non_blocking=True)
