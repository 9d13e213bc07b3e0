"""U-Net segmentation head that can start from the weights of a depth decoder."""

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmdepthseg.geometry.tensors import no_autocast
from mmdepthseg.models.heads.unet_decoder import CHANNELS, NUM_STEPS, check_channels
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import refuse

FULL_RESOLUTION_LEVEL = 2 * NUM_STEPS - 1


@MODELS.register_module()
class UNetSegHead(BaseDecodeHead):
    """Segmentation head that taps levels of a U-Net decoder (3W, section 3).

    The decoder has the architecture of the depth decoder, so that it can start from its
    weights: `decoder=dict(..., init_cfg=dict(type='Pretrained', checkpoint=SDE,
    prefix='depth_head.decoder'))`.

    Args:
        in_channels: Channels of the backbone's levels.
        decoder: Config of the `UNetDecoder`; `in_channels` and `last_step` are filled
            in (steps beyond the finest tap are not built).
        levels: Tapped levels, 0 to 4 of the encoder, 5 to 9 of the decoder (9 = full
            resolution). Defaults to (9,), exp. 210.
        channels: Channels to which each tapped level is projected; None for no
            projection, as in the multi-task network of exp. 212. Defaults to 64.
        inter_channels: Channels of a block of 3x3 convolution, norm and activation
            (`norm_cfg`, `act_cfg`, `conv_cfg`: for this block alone) before the
            classifier; exp. 211 has 64. Defaults to None, no such block.
        project_act_cfg: Activation after the projection. Defaults to None: the
            projection is linear, as in the authors' network.
        **kwargs: Options of MMSeg's `BaseDecodeHead` (`num_classes`, `loss_decode`,
            `dropout_ratio`, ...).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        decoder: dict,
        levels: Sequence[int] = (FULL_RESOLUTION_LEVEL,),
        channels: int | None = 64,
        inter_channels: int | None = None,
        project_act_cfg: dict | None = None,
        dropout_ratio: float = 0.0,
        norm_cfg: dict = dict(type='BN', requires_grad=True),
        **kwargs,
    ) -> None:
        unused = [key for key in ('act_cfg', 'conv_cfg') if kwargs.get(key) is not None]
        refuse(
            'UNetSegHead',
            {
                f'levels must be numbers 0 to {FULL_RESOLUTION_LEVEL}, got '
                f'{list(levels)}': (
                    not levels
                    or not all(0 <= v <= FULL_RESOLUTION_LEVEL for v in levels)
                ),
                f'{" and ".join(unused)}: for the block of inter_channels, but there '
                'is none: give inter_channels, or leave it out': bool(
                    unused and inter_channels is None
                ),
                'project_act_cfg has no effect with channels=None, no projection: give '
                'channels, or leave it out': bool(project_act_cfg and channels is None),
            },
        )
        widths = [*in_channels] + [0] * (NUM_STEPS - len(in_channels))
        widths += check_channels(decoder.get('channels', CHANNELS))[::-1]
        tapped = sum(channels or widths[level] for level in levels)
        super().__init__(
            in_channels=list(in_channels),
            in_index=list(range(len(in_channels))),
            input_transform='multiple_select',
            channels=inter_channels or tapped,
            dropout_ratio=dropout_ratio,
            norm_cfg=norm_cfg,
            **kwargs,
        )
        self.levels = tuple(levels)
        # steps beyond the finest tap are not built: exp. 211 stops at half resolution
        last_step = min(FULL_RESOLUTION_LEVEL - max(self.levels), NUM_STEPS)
        self.decoder = MODELS.build(
            dict(decoder, in_channels=in_channels, last_step=last_step)
        )
        self.project = (
            None
            if channels is None
            else nn.ModuleList(
                ConvModule(
                    widths[level], channels, 1, bias=False, act_cfg=project_act_cfg
                )
                for level in self.levels
            )
        )
        self.inter = (
            None
            if inter_channels is None
            else ConvModule(
                tapped,
                inter_channels,
                3,
                padding=1,
                norm_cfg=norm_cfg,
                conv_cfg=self.conv_cfg,
                act_cfg=self.act_cfg,
            )
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map backbone levels to logits (N, num_classes, h, w) at the finest tap."""
        features = self._transform_inputs(inputs)
        return self.classify(features, self.decoder(features))

    def classify(
        self, features: Sequence[Tensor], decoded: dict[int, Tensor]
    ) -> Tensor:
        """Return the logits of decoded steps.

        Args:
            features: Backbone levels.
            decoded: Output of `decoder` for them.

        Returns:
            (N, num_classes, h, w) at the finest tap.
        """
        taps = [
            features[v] if v < NUM_STEPS else decoded[FULL_RESOLUTION_LEVEL - v]
            for v in self.levels
        ]
        size = max((tuple(tap.shape[2:]) for tap in taps))
        if self.project is not None and self.is_linear:
            # a linear map of each tap: sized afterwards, which is the same and less
            maps = zip(taps, self._maps(self.project), strict=True)
            biases = [self.conv_seg.bias] + [None] * (len(taps) - 1)
            parts = [F.conv2d(*of, bias) for of, bias in zip(maps, biases, strict=True)]
            return reduce(torch.add, [self._to_size(part, size) for part in parts])
        if self.project is not None:
            taps = [
                project(tap) for project, tap in zip(self.project, taps, strict=True)
            ]
        taps = [self._to_size(tap, size) for tap in taps]
        x = torch.cat(taps, dim=1) if len(taps) > 1 else taps[0]
        return self.cls_seg(x if self.inter is None else self.inter(x))

    @property
    def is_linear(self) -> bool:
        """Tell whether nothing lies between linear projections and the classifier."""
        drops = self.dropout is not None and self.dropout.training
        return (
            self.project is not None
            and self.inter is None
            and not drops
            and not any(project.with_activation for project in self.project)
        )

    def _maps(self, project: nn.ModuleList) -> list[Tensor]:
        """Return projection and classifier as one 1x1 kernel for each tap."""
        # without bias and norm, kernels are their only parameters
        first = [weight[:, :, 0, 0] for weight in project.parameters()]
        last = self.conv_seg.weight[:, :, 0, 0].split([len(w) for w in first], dim=1)
        with no_autocast(last[0]):
            return [(b @ a)[:, :, None, None] for a, b in zip(first, last, strict=True)]

    def _to_size(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        if tuple(x.shape[2:]) == size:
            return x
        return resize(x, size=size, mode='bilinear', align_corners=self.align_corners)
