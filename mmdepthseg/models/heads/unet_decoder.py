"""U-Net decoder shared by depth and segmentation heads (method: 3W, section 3)."""

import warnings
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from mmdepthseg.geometry.tensors import no_autocast
from mmdepthseg.models.heads.aspp import ASPP, NORM_CFG
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError, refuse

NUM_STEPS = 5
CHANNELS = (64, 128, 128, 256, 256)
#: See `conv_init`.
STARTS = ('pytorch', 'kaiming')
#: Number of finest steps that `with_cp` recomputes.
RECOMPUTED = 2
#: Pixels of a batch from which `upsampled_conv` is quicker.
MIN_PIXELS = 1024
#: Taps of a 3-tap window that share a pixel before up-sampling, for outputs at odd and
#: at even positions (the odd ones first: the map starts one position early).
WINDOWS = (((1, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, 1, 1)))


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
        conv_init: Start of the conv blocks' convolutions. 'pytorch', as in the papers'
            code: the first disparity is about 0.5. 'kaiming', MMCV's, for tuned
            configs: without norm features grow from step to step.
        with_cp: Recompute the two finest steps in the backward pass instead of keeping
            their inputs: less memory, more time (docs/performance.md). Not with norms,
            whose statistics would count twice.
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
        with_cp: bool = False,
        conv_init: str = 'pytorch',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        refuse(
            'UNetDecoder',
            {
                f'conv_init must be one of {STARTS}, got {conv_init!r}': (
                    conv_init not in STARTS
                ),
                'with_cp=True needs norm_cfg=None': with_cp and norm_cfg is not None,
                f'with_cp=True has no effect with last_step={last_step} (the finest '
                'tap): steps 1 and 0 are not built': (
                    with_cp and last_step >= RECOMPUTED
                ),
            },
        )
        self.with_cp = with_cp
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
                block = _conv_block(previous, self._width(step), norm_cfg, conv_init)
            self.reduce.append(block)
            level = self._skip_level(step)
            skip = in_channels[level] if level >= 0 else 0
            self.fuse.append(
                _conv_block(
                    self._width(step) + skip,
                    self._width(step),
                    norm_cfg,
                    conv_init,
                    FuseBlock,
                )
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
        finest = min(outs) if outs else NUM_STEPS
        x = outs.get(finest, features[-1])
        for step in range(NUM_STEPS - finest, NUM_STEPS - last_step):
            level = self._skip_level(step)
            skip = features[level] if level >= 0 else None
            late = step >= NUM_STEPS - RECOMPUTED
            if self.with_cp and late and torch.is_grad_enabled():
                x = checkpoint(self._step, step, x, skip, use_reentrant=False)
            else:
                x = self._step(step, x, skip)
            outs[NUM_STEPS - 1 - step] = x
        return outs

    def _step(self, step: int, x: Tensor, skip: Tensor | None) -> Tensor:
        return self.fuse[step](self.reduce[step](x), skip)

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


def _pays(x: Tensor) -> bool:
    """Tell whether `upsampled_conv` is quicker than up-sampling: measured on a CPU.

    On small maps its larger kernels cost more than they save. Exported graphs keep the
    plain operations.
    """
    tracing = torch.jit.is_tracing() or torch.compiler.is_compiling()
    return x.is_cpu and not tracing and x[:, 0].numel() >= MIN_PIXELS


def upsampled_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the 3x3 convolution, reflection-padded, of x up-sampled by two.

    Under a 3x3 window of nearest-neighbour up-sampled features lie only 2x2 different
    pixels, which ones depends on whether row and column are even or odd: four 2x2
    convolutions with sums of the weights give the four kinds of output pixels, with 4/9
    of the products, and no full-size input to keep for the backward pass.

    Args:
        x: (N, C, h, w).
        weight: (C', C, 3, 3).
        bias: (C',).

    Returns:
        (N, C', 2h, 2w).
    """
    sums = weight.new_tensor(WINDOWS)
    with no_autocast(weight):
        kernels = torch.einsum('ocyx,pay,qbx->opqcab', weight, sums, sums)
    kernels = kernels.reshape(-1, *kernels.shape[3:])
    if bias is not None:
        bias = bias.repeat_interleave(4)
    # the reflected row of the up-sampled map is the edge row of x
    out = F.conv2d(F.pad(x, (1, 1, 1, 1), mode='replicate'), kernels, bias)
    return _Interleave.apply(out)


class _Interleave(torch.autograd.Function):
    """Put the four kinds of output pixels, (N, 4 C, h + 1, w + 1), in their places.

    `F.pixel_shuffle` and a crop would do, with twice the passes over the full-size map.
    """

    @staticmethod
    def forward(ctx, kinds: Tensor) -> Tensor:
        """Return (N, C, 2h, 2w)."""
        n, channels, height, width = kinds.shape
        out = kinds.new_empty(n, channels // 4, 2 * height - 2, 2 * width - 2)
        for part, place in _kinds(kinds.view(n, -1, 4, height, width), out):
            place.copy_(part)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        """Return the gradient of each kind, 0 beside the map."""
        n, channels, height, width = gradient.shape
        kinds = gradient.new_zeros(n, channels, 4, height // 2 + 1, width // 2 + 1)
        for part, place in _kinds(kinds, gradient):
            part.copy_(place)
        return kinds.flatten(1, 2)


def _kinds(kinds: Tensor, whole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each kind its pixels (N, C, h, w) and their places in the whole map."""
    height, width = (side // 2 for side in whole.shape[2:])
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = kinds[:, :, 3 - 2 * row - column, row:, column:][..., :height, :width]
        yield part, whole[:, :, row::2, column::2]


def check_channels(channels: Sequence[int]) -> tuple[int, ...]:
    """Return the channels of the steps as a tuple; raise unless there are five."""
    if len(channels) != NUM_STEPS:
        raise UserError(
            'UNetDecoder: channels must have 5 numbers, full '
            f'resolution first, got {list(channels)}'
        )
    return tuple(channels)


class FuseBlock(ConvModule):
    """Conv block that first up-samples by nearest neighbour and joins a skip."""

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Fuse features.

        Args:
            x: (N, C, h, w).
            skip: (N, C', H, W), not smaller; None: x is up-sampled by two.

        Returns:
            (N, C'', H, W).
        """
        doubled = tuple(2 * side for side in x.shape[2:])
        size = doubled if skip is None else tuple(skip.shape[2:])
        if size == doubled and _pays(x):
            x = self._from_half_size(x, skip)
            return self.activate(self.norm(x) if self.with_norm else x)
        if size != x.shape[2:]:
            x = F.interpolate(x, size=size, mode='nearest')
        return super().forward(x if skip is None else torch.cat((x, skip), dim=1))

    def _from_half_size(self, x: Tensor, skip: Tensor | None) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        if skip is None:
            return upsampled_conv(x, weight, bias)
        own, others = weight.split((x.shape[1], skip.shape[1]), dim=1)
        padded = F.pad(skip, (1, 1, 1, 1), mode='reflect')
        return upsampled_conv(x, own).add_(F.conv2d(padded, others, bias))


def _conv_block(
    in_channels: int,
    out_channels: int,
    norm_cfg: dict | None,
    conv_init: str,
    kind: type[ConvModule] = ConvModule,
) -> ConvModule:
    with warnings.catch_warnings():
        # the authors' blocks also have a bias before batch norm
        warnings.filterwarnings('ignore', message='Unnecessary conv bias')
        block = kind(
            in_channels,
            out_channels,
            3,
            padding=1,
            padding_mode='reflect',
            bias=True,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ELU'),
        )
    if conv_init == 'pytorch':
        block.conv.reset_parameters()  # ConvModule has drawn Kaiming's weights
    return block
