"""U-Net decoder shared by depth and segmentation heads (method: 3W, section 3)."""

import warnings
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdepthseg.models.heads.aspp import ASPP, NORM_CFG
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

NUM_STEPS = 5
CHANNELS = (64, 128, 128, 256, 256)


@MODELS.register_module()
class UNetDecoder(BaseModule):
    """Decoder of five steps, from the bottleneck to full resolution.

    Each step consists of a conv block (3x3 convolution with reflection padding, ELU),
    nearest up-sampling if the skip is larger, concatenation with the encoder's skip,
    and another conv block. The first conv block is an ASPP if `aspp_rates` is given.
    Step 4 starts at the bottleneck, step 0 gives full resolution; in the paper's
    numbering their outputs are levels 5, ..., 9 (encoder: 0, ..., 4).

    With fewer than five encoder levels (MMSeg backbones without stem have four, strides
    4 to 32) the shallow steps have no skip and up-sample by two.

    Args:
        in_channels: Channels of the encoder levels, shallow to deep, at most five.
        channels: Channels of steps 0 to 4, full resolution first. Paper: 64, 64, 128,
            128, 256 with batch norm ("dec9") or 64, 128, 128, 256, 256 ("dec5",
            "dec6").
        aspp_rates: Dilation rates of the ASPP; None for a plain conv block. Defaults to
            (6, 12, 18).
        aspp_dropout: Dropout after the ASPP. Defaults to 0.5.
        norm_cfg: Norm of the conv blocks. Defaults to None.
        aspp_norm_cfg: Norm of the ASPP, separate from `norm_cfg` because the paper's
            ASPP has batch norm and its conv blocks have none. Defaults to BN; SyncBN or
            GN suit small batches.
        last_step: Last step to build; 5 builds none. Heads that tap no finer step set
            it, because weights without gradients stop distributed training. Defaults to
            0, full resolution.
        init_cfg: E.g. `dict(type='Pretrained', checkpoint=SDE,
            prefix='depth_head.decoder')` for transfer learning.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = CHANNELS,
        aspp_rates: Sequence[int] | None = (6, 12, 18),
        aspp_dropout: float = 0.5,
        norm_cfg: dict | None = None,
        aspp_norm_cfg: dict = NORM_CFG,
        last_step: int = 0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not 1 <= len(in_channels) <= NUM_STEPS:
            raise UserError(
                'UNetDecoder: in_channels must name 1 to 5 encoder levels, got '
                f'{list(in_channels)}'
            )
        if not 0 <= last_step <= NUM_STEPS:
            raise UserError(
                f'UNetDecoder: last_step must be 0 to {NUM_STEPS}, got {last_step}'
            )
        self.last_step = last_step
        self.in_channels = tuple(in_channels)
        self.channels = check_channels(channels)
        self.reduce = nn.ModuleList()
        self.fuse = nn.ModuleList()
        previous = in_channels[-1]
        for step in range(NUM_STEPS - last_step):
            if step == 0 and aspp_rates is not None:
                block = ASPP(
                    previous, channels[-1], aspp_rates, aspp_dropout, aspp_norm_cfg
                )
            else:
                block = _conv_block(previous, self._width(step), norm_cfg)
            self.reduce.append(block)
            level = self._skip_level(step)
            skip = in_channels[level] if level >= 0 else 0
            self.fuse.append(
                _conv_block(self._width(step) + skip, self._width(step), norm_cfg)
            )
            previous = self._width(step)

    def _width(self, step: int) -> int:
        return self.channels[NUM_STEPS - 1 - step]

    def _skip_level(self, step: int) -> int:
        """Return the encoder level concatenated in a step; negative: none."""
        return len(self.in_channels) - 2 - step

    def forward(
        self,
        features: Sequence[Tensor],
        last_step: int | None = None,
        decoded: dict[int, Tensor] | None = None,
    ) -> dict[int, Tensor]:
        """Decode the levels of an encoder.

        Args:
            features: Encoder levels (N, C_i, h_i, w_i), shallow to deep.
            last_step: Stop after this step (0 = full resolution), to compute no more
                than needed. Defaults to the last step built.
            decoded: Outputs of the first steps, as returned by an earlier call and
                possibly changed since; decoding continues from the finest of them.
                Defaults to none: it starts at the bottleneck.

        Returns:
            Each step from 4 to `last_step` -> its output (N, channels[step], h, w),
            stride about 2^step.
        """
        last_step = self.last_step if last_step is None else last_step
        self._check(features, last_step)
        outs = dict(decoded or {})
        finest = min(outs, default=NUM_STEPS)
        x = outs.get(finest, features[-1])
        for step in range(NUM_STEPS - finest, NUM_STEPS - last_step):
            x = self.reduce[step](x)
            level = self._skip_level(step)
            if level >= 0:
                skip = features[level]
                if skip.shape[2:] != x.shape[2:]:
                    x = F.interpolate(x, size=skip.shape[2:], mode='nearest')
                x = torch.cat((x, skip), dim=1)
            else:
                x = F.interpolate(x, scale_factor=2, mode='nearest')
            x = self.fuse[step](x)
            outs[NUM_STEPS - 1 - step] = x
        return outs

    def parameters_of_steps(self, first: int, last: int) -> Iterator[nn.Parameter]:
        """Yield the parameters of some steps.

        Args:
            first: Coarsest step, 4 to 0.
            last: Finest step, not finer than `last_step`.
        """
        for blocks in (self.reduce, self.fuse):
            for block in blocks[NUM_STEPS - 1 - first : NUM_STEPS - last]:
                yield from block.parameters()

    def _check(self, features: Sequence[Tensor], last_step: int) -> None:
        if last_step < self.last_step:
            raise ValueError(
                f'UNetDecoder: step {last_step} was requested, but the decoder was '
                f'built with last_step={self.last_step}'
            )
        if len(features) != len(self.in_channels):
            raise UserError(
                f'UNetDecoder is built for {len(self.in_channels)} feature levels '
                f'(in_channels={list(self.in_channels)}), but the backbone gives '
                f"{len(features)}: set in_channels to the channels of the backbone's "
                'levels'
            )
        if min(features[-1].shape[2:]) < 2:
            raise UserError(
                'UNetDecoder: the deepest features are '
                f'{tuple(features[-1].shape[2:])}, smaller than 2x2, which reflection '
                'padding needs: use larger images or a smaller output stride'
            )


def check_channels(channels: Sequence[int]) -> tuple[int, ...]:
    """Return the channels of the steps as a tuple; raise unless there are five."""
    if len(channels) != NUM_STEPS:
        raise UserError(
            'UNetDecoder: channels must have 5 numbers, full '
            f'resolution first, got {list(channels)}'
        )
    return tuple(channels)


def _conv_block(
    in_channels: int, out_channels: int, norm_cfg: dict | None
) -> ConvModule:
    with warnings.catch_warnings():
        # the authors' blocks also have a bias before batch norm
        warnings.filterwarnings('ignore', message='Unnecessary conv bias')
        return ConvModule(
            in_channels,
            out_channels,
            3,
            padding=1,
            padding_mode='reflect',
            bias=True,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ELU'),
        )
