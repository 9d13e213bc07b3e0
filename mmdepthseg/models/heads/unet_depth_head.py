"""U-Net depth head with disparities at several scales."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.model import ModuleList
from torch import Tensor, nn

from mmdepthseg.geometry.tensors import full_precision, no_autocast
from mmdepthseg.models.heads.base_depth_head import BaseDepthHead
from mmdepthseg.models.heads.start_conv import StartConv2d
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class UNetDepthHead(BaseDepthHead):
    """U-Net depth head with sigmoid disparities (Godard et al., ICCV 2019).

    Args:
        decoder: Config of the `UNetDecoder`.
        num_scales: Disparities at steps 0 to num_scales - 1 (strides 1, 2, 4, 8).
            Defaults to 4.
        disparity_bias: Initial bias of the disparity convolutions. 0, as in the papers,
            starts at disparity 0.5, a depth of about 0.2 with the default range: right
            for ImageNet weights and a translation factor of 0.01. From scratch, the
            first depth and the first translation must fit each other and the world, or
            training ends in a wrong minimum: -1.8 (a depth of about 0.7) with
            `first_translation=(0, 0, -0.016)`, `rotation_factor=0.05`,
            `translation_factor=0.1` and `difference_gain=10` of the `PoseNet` worked on
            the streets.
        disparity_std: Standard deviation of the initial weights of the disparity
            convolutions. None, as in the papers: PyTorch's start. Features that are
            large, such as EfficientNet-Lite0's without norm on the way, saturate the
            sigmoid at once unless the weights are small (0.002 there).
        **kwargs: See `BaseDepthHead`.
    """

    def __init__(
        self,
        decoder: dict,
        num_scales: int = 4,
        disparity_bias: float = 0.0,
        disparity_std: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.decoder = MODELS.build(decoder)
        if self.decoder.last_step:
            raise UserError(
                'UNetDepthHead needs a decoder to full resolution '
                f'(last_step=0), got {self.decoder.last_step}'
            )
        if not 1 <= num_scales <= len(self.decoder.channels):
            raise UserError(
                'UNetDepthHead: num_scales must be 1 to '
                f'{len(self.decoder.channels)}, got {num_scales}'
            )
        start = partial(start_with, bias=disparity_bias, std=disparity_std)
        self.disparity = ModuleList(
            StartConv2d(self.decoder.channels[step], 1, 3, start=start)
            for step in range(num_scales)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features to disparities (N, 1, ~H/2^s, ~W/2^s), s = 0, 1, ..."""
        return self.disparities(self.decoder(features))

    def disparities(self, decoded: dict[int, Tensor]) -> list[Tensor]:
        """Return the disparities of decoded steps.

        Args:
            decoded: Output of `decoder`.

        Returns:
            (N, 1, ~H/2^s, ~W/2^s) in (0, 1), at least float32, s = 0, 1, ...
        """
        # depth is their inverse, for which the 8 bits of bfloat16 are too few
        with no_autocast(decoded[0]):
            return [
                one_channel_conv(
                    *full_precision(decoded[step], conv.weight, conv.bias)
                ).sigmoid()
                for step, conv in enumerate(self.disparity)
            ]


def start_with(conv: nn.Conv2d, bias: float, std: float | None) -> None:
    """Set `disparity_bias`, and draw weights of `disparity_std` (in place)."""
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
    if std is not None:
        nn.init.normal_(conv.weight, std=std)


def one_channel_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the 3x3 convolution, reflection-padded, of x to one channel.

    Each of the nine taps is first a 1x1 convolution; what is padded and shifted then
    has nine channels, not all of x.

    Args:
        x: (N, C, h, w).
        weight: (1, C, 3, 3).
        bias: (1,).

    Returns:
        (N, 1, h, w).
    """
    taps = F.conv2d(x, weight.flatten(2).permute(2, 1, 0).unsqueeze(-1))
    pick = torch.eye(9, dtype=x.dtype, device=x.device).view(1, 9, 3, 3)
    return F.conv2d(F.pad(taps, (1, 1, 1, 1), mode='reflect'), pick, bias)
