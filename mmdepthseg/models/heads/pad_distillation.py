"""Exchange of features between a segmentation and a depth decoder."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmengine.model import BaseModule
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmdepthseg.models.heads.start_conv import StartConv2d
from mmdepthseg.models.heads.unet_decoder import NUM_STEPS, UNetDecoder
from mmdepthseg.models.heads.unet_depth_head import UNetDepthHead
from mmdepthseg.models.heads.unet_seg_head import FULL_RESOLUTION_LEVEL, UNetSegHead
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError, filled_in

# options that the side classifier takes over from the segmentation head
INHERITED = (
    'num_classes',
    'out_channels',
    'threshold',
    'loss_decode',
    'ignore_index',
    'align_corners',
    'sampler',
)
# a single 1x1 convolution, as MMSeg configures it
LINEAR = dict(type='FCNHead', num_convs=0, concat_input=False, dropout_ratio=0.0)


class Decoded(NamedTuple):
    """Outputs of a model's heads; those not asked for are None or empty.

    Attributes:
        logits: (N, num_classes, h, w), not resized.
        disparities: (N, 1, h_s, w_s) in (0, 1), finest first.
        side: Features (N, C, h, w) for the side classifier of `PADDistillation`.
    """

    logits: Tensor | None = None
    disparities: Sequence[Tensor] = ()
    side: Tensor | None = None


class GatedAttention(BaseModule):
    """Features `conv(x) * sigmoid(gate(x))` that one task passes to another.

    The attention-guided message passing of PAD-Net (Xu et al., CVPR 2018, section 3.4,
    module C). The gate's weights start at zero, so that at first half of everything
    passes.

    Args:
        in_channels: Channels of the sending decoder.
        out_channels: Channels of the receiving one.
        init_cfg: Initialisation.
    """

    def __init__(
        self, in_channels: int, out_channels: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.gate = StartConv2d(
            in_channels, out_channels, 3, padding=1, bias=False, start=half_open
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) to (N, out_channels, h, w)."""
        return self.conv(x) * self.gate(x).sigmoid()


def half_open(gate: nn.Conv2d) -> None:
    """Let half of everything pass at first (in place)."""
    nn.init.zeros_(gate.weight)


@MODELS.register_module()
class PADDistillation(BaseModule):
    """Exchange of features between two U-Net decoders at one level.

    The multi-task network of 3W, section 3.4, after PAD-Net (Xu et al., CVPR 2018): up
    to `level` the segmentation decoder and the depth decoder work separately; then the
    features of each pass through a `GatedAttention` and are added to those of the
    other, and both continue from the sums. A 1x1 side classifier on the segmentation
    features keeps them semantic; it is used in training only.

    Predictions at `level` itself (side classifier, a disparity of that scale, a tap of
    the segmentation head) use the task's own features from before the exchange, as in
    the authors' network.

    The decoders belong to the heads, so that each can start from an SDE checkpoint;
    this part holds the attentions and the side classifier. `build_distillation` fills
    in the options that follow from the heads.

    Args:
        seg_channels: Channels of steps 0 to 4 of the segmentation decoder.
        depth_channels: The same of the depth decoder.
        level: Level of the exchange, 5 (bottleneck) to 8 (half resolution). Defaults to
            7, the paper's.
        side_weight: Share of the side classifier in the supervised loss:
            `(1 - side_weight) * loss + side_weight * side loss`. With 0 there is no
            side classifier. Defaults to 0.5, the mean.
        side_head: Config of the side classifier: options that differ from the 1x1
            convolution's, or an MMSeg decode head with `type` and `channels`. Classes
            and loss are the segmentation head's.
        init_cfg: E.g. `dict(type='Pretrained', ..., prefix='distillation.')` to
            continue from a multi-task checkpoint.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        seg_channels: Sequence[int],
        depth_channels: Sequence[int],
        level: int = 7,
        side_weight: float = 0.5,
        side_head: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not NUM_STEPS <= level < FULL_RESOLUTION_LEVEL:
            raise UserError(
                f'PADDistillation: level must be {NUM_STEPS} (bottleneck) to '
                f'{FULL_RESOLUTION_LEVEL - 1} (half resolution), got {level}'
            )
        if not 0 <= side_weight < 1:
            raise UserError(
                f'PADDistillation: side_weight must be in [0, 1), got {side_weight}'
            )
        self.step = FULL_RESOLUTION_LEVEL - level
        self.side_weight = side_weight
        seg, depth = seg_channels[self.step], depth_channels[self.step]
        self.depth_to_seg = GatedAttention(depth, seg)
        self.seg_to_depth = GatedAttention(seg, depth)
        side_head = dict(side_head or {})
        if 'type' not in side_head:
            side_head = {**LINEAR, 'channels': seg, **side_head}
        self.side_head: Any = None
        if side_weight:
            place = 'PADDistillation: side_head'
            self.side_head = MODELS.build(
                filled_in(side_head, place, in_channels=seg, in_index=0)
            )

    def forward(
        self,
        features: Sequence[Tensor],
        seg_head: UNetSegHead,
        depth_head: UNetDepthHead,
        labels: bool = True,
        depth: bool = True,
    ) -> Decoded:
        """Decode both tasks; only those asked for go beyond the exchange.

        Args:
            features: Backbone levels.
            seg_head: Segmentation head.
            depth_head: Depth head.
            labels: Whether to decode the segmentation to the end.
            depth: Whether to decode the depth to the end.
        """
        to_seg = seg_head.decoder(features, last_step=self.step)
        to_depth = depth_head.decoder(features, last_step=self.step)
        seg, geometry = to_seg[self.step], to_depth[self.step]
        logits, disparities = None, []
        if labels:
            decoded = self._go_on(
                seg_head.decoder, features, to_seg, self.depth_to_seg(geometry)
            )
            logits = seg_head.classify(features, decoded)
        if depth:
            decoded = self._go_on(
                depth_head.decoder, features, to_depth, self.seg_to_depth(seg)
            )
            disparities = depth_head.disparities(decoded)
        return Decoded(logits, disparities, seg)

    def train_without_depth_loss(self, depth_head: UNetDepthHead) -> None:
        """Enable gradients for the part of a frozen depth head that the labels train.

        That part is the depth decoder up to the exchange. The attention that feeds the
        depth decoder is frozen.
        """
        steps = depth_head.decoder.parameters_of_steps(NUM_STEPS - 1, self.step)
        for parameter in steps:
            parameter.requires_grad_(True)
        self.seg_to_depth.requires_grad_(False)

    def _go_on(
        self,
        decoder: UNetDecoder,
        features: Sequence[Tensor],
        decoded: dict[int, Tensor],
        received: Tensor,
    ) -> dict[int, Tensor]:
        """Return all steps of a decoder that receives features at the exchange."""
        own = decoded[self.step]
        outs = decoder(features, decoded={**decoded, self.step: own + received})
        return {**outs, self.step: own}

    def loss(
        self, decoded: Decoded, seg_head: UNetSegHead, data_samples: list[SegDataSample]
    ) -> dict[str, Tensor]:
        """Return the supervised losses, prefixed `decode.` and `side.`.

        Args:
            decoded: With logits.
            seg_head: Segmentation head.
            data_samples: With `gt_sem_seg`.
        """
        final = seg_head.loss_by_feat(decoded.logits, data_samples)
        parts = [('decode', 1 - self.side_weight, final)]
        if self.side_head is not None:
            logits = self.side_head([decoded.side])
            side = self.side_head.loss_by_feat(logits, data_samples)
            parts.append(('side', self.side_weight, side))
        return {
            f'{prefix}.{name}': weight * value if 'loss' in name else value
            for prefix, weight, losses in parts
            for name, value in losses.items()
        }


def build_distillation(
    cfg: dict, seg_cfg: dict, seg_head: Any, depth_head: Any
) -> PADDistillation:
    """Return the distillation between two heads.

    Args:
        cfg: Config of the `PADDistillation`.
        seg_cfg: Config of the segmentation head; the side classifier takes over its
            classes and loss, unless `cfg['side_head']` says otherwise.
        seg_head: The segmentation head.
        depth_head: The depth head.

    Raises:
        UserError: The heads cannot exchange features at that level; or there is a
            config of a side classifier, but none is used.
    """
    for name, head, kind in (
        ('decode_head', seg_head, UNetSegHead),
        ('depth_head', depth_head, UNetDepthHead),
    ):
        if not isinstance(head, kind):
            found = 'none' if head is None else f'a {type(head).__name__}'
            raise UserError(
                f'distillation needs a {kind.__name__} as {name}, but there is '
                f'{found}: use a {kind.__name__} or remove the distillation'
            )
    side = {key: seg_cfg[key] for key in INHERITED if key in seg_cfg}
    built = MODELS.build(
        dict(
            cfg,
            seg_channels=seg_head.decoder.channels,
            depth_channels=depth_head.decoder.channels,
            side_head={**side, **(cfg.get('side_head') or {})},
        )
    )
    if cfg.get('side_head') and built.side_head is None:
        raise UserError(
            'distillation: side_weight=0 means no side classifier: give it a weight, '
            'or leave side_head out'
        )
    level = FULL_RESOLUTION_LEVEL - built.step
    if max(seg_head.levels) <= level:
        raise UserError(
            f'distillation at level {level}, but the finest level that the '
            f'decode_head taps is {max(seg_head.levels)}: nothing of the exchange '
            'would reach it; lower the level or tap a finer one'
        )
    return built
