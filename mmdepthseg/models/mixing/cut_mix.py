"""CutMix: a box; NoMix: everything."""

import math

import torch
from torch import Tensor

from mmdepthseg.models.mixing.base import BatchMix
from mmdepthseg.models.mixing.mix_batch import MixBatch, draw_uniform
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError


@TRANSFORMS.register_module()
class CutMix(BatchMix):
    """Mixer that keeps a box of image i (French et al., BMVC 2020, section 3.3).

    The box covers `area` of the image (up to rounding); its aspect ratio and position
    are random: height H area^u, width W area^(1 - u), u ~ U(0, 1).

    Args:
        area: Share of the image, in (0, 1).
        **kwargs: See `BatchMix`.

    Raises:
        UserError: `area` is not in (0, 1).
    """

    needs_disparity = False

    def __init__(self, area: float = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0 < area < 1:
            raise UserError(f'area must be in (0, 1), got {area}')
        self.area = area

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return one box per image."""
        height, width = batch.images.shape[-2:]
        device = batch.images.device
        draw = draw_uniform((len(batch), 3, 1, 1), 0, 1, device, generator)
        aspect, top, left = draw.unbind(1)
        share_y = torch.exp(aspect * math.log(self.area))
        rows = _interval(share_y, top, height)
        columns = _interval(self.area / share_y, left, width)
        return (rows.transpose(1, 2) & columns).unsqueeze(1)


@TRANSFORMS.register_module()
class NoMix(BatchMix):
    """Mixer that keeps every pixel: consistency training without mixing, any N >= 1."""

    accepts_single = True
    needs_disparity = False

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return masks that are True everywhere."""
        return torch.ones_like(batch.images[:, :1], dtype=torch.bool)


def _interval(share: Tensor, place: Tensor, size: int) -> Tensor:
    """Return the mask (N, 1, size) of an interval of `share * size` pixels."""
    length = (share * size).round().clamp(1, size)
    start = (place * (size - length + 1)).floor()
    index = torch.arange(size, device=share.device)
    return (index >= start) & (index < start + length)
