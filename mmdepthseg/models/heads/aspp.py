"""Atrous spatial pyramid pooling as the first block of a U-Net decoder."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.decode_heads.aspp_head import ASPPModule
from torch import Tensor, nn

from mmdepthseg.utils.modes import kept_modes

NORM_CFG = dict(type='BN', requires_grad=True)


class ASPP(BaseModule):
    """ASPP (Chen et al., 2017): 1x1, three dilated 3x3, image pooling, projection.

    MMSeg has it only inside its `ASPPHead`, which classifies; here the decoder
    continues with the projected features.

    Args:
        in_channels: Channels of the bottleneck features.
        channels: Channels of each branch and of the output.
        rates: Dilation rates of the 3x3 branches.
        dropout: Dropout after the projection.
        norm_cfg: Norm of all branches.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: Sequence[int] = (6, 12, 18),
        dropout: float = 0.5,
        norm_cfg: dict = NORM_CFG,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        act_cfg = dict(type='ReLU')
        self.branches = ASPPModule(
            (1, *rates), in_channels, channels, None, norm_cfg, act_cfg
        )
        self.image_pool = ConvModule(
            in_channels, channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.project = ConvModule(
            channels * (len(rates) + 2), channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) to (N, channels, h, w)."""
        pooled = x.mean((2, 3), keepdim=True)
        with kept_modes(self.image_pool.modules()):
            if len(x) == 1:
                # A single value per channel has no batch statistics, and batch norm
                # would raise. With the running ones a batch of one can be trained.
                self.image_pool.eval()
            pooled = self.image_pool(pooled)
        # bilinear up-sampling of a single pixel would give the same constant map
        pooled = F.interpolate(pooled, size=x.shape[2:], mode='nearest')
        outs = [*self.branches(x), pooled]
        return self.dropout(self.project(torch.cat(outs, dim=1)))
