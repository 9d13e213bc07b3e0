"""Encoder, decoders and pose network of the paper in plain torch (3W, section 3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
SIDE_STEP = 2  # level 7: a quarter of the resolution


class Block(nn.Module):
    """Residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1 (He et al., CVPR 2016)."""

    def __init__(self, inputs, width, stride, dilation, bottleneck) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.conv2 = nn.Conv2d(
                width, width, 3, stride, dilation, dilation, bias=False
            )
            self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(outputs)
        else:
            self.conv1 = nn.Conv2d(
                inputs, width, 3, stride, dilation, dilation, bias=False
            )
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h / stride, w / stride)."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, 'conv3'):
            out = self.bn3(self.conv3(self.relu(out)))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Encoder(nn.Module):
    """ResNet with five levels of features, the first after the stem's ReLU."""

    def __init__(self, depth, inputs=3, width=64, dilated=False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels, previous = [width], width
        bottleneck = depth >= 50
        for level, count in enumerate(BLOCKS[depth]):
            last = dilated and level == 3
            blocks = []
            for index in range(count):
                stride = 2 if level and not index and not last else 1
                dilation = 2 if last and index else 1
                planes = width * 2**level
                blocks.append(Block(previous, planes, stride, dilation, bottleneck))
                previous = planes * (4 if bottleneck else 1)
            setattr(self, f'layer{level + 1}', nn.Sequential(*blocks))
            self.channels.append(previous)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the levels of images (N, C, H, W), shallow to deep."""
        levels = [self.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(levels[0])
        for level in (1, 2, 3, 4):
            x = getattr(self, f'layer{level}')(x)
            levels.append(x)
        return levels


class ConvNormReLU(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs, outputs, kernel=1, dilation=1) -> None:
        super().__init__()
        padding = dilation if kernel == 3 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, 1, padding, dilation, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h, w)."""
        return self.relu(self.bn(self.conv(x)))


class ASPP(nn.Module):
    """1x1, three dilated 3x3 and image pooling, projected (Chen et al., 2017)."""

    def __init__(self, inputs, outputs, rates=(6, 12, 18), dropout=0.5) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [ConvNormReLU(inputs, outputs)]
            + [ConvNormReLU(inputs, outputs, 3, rate) for rate in rates]
        )
        self.image_pool = ConvNormReLU(inputs, outputs)
        self.project = ConvNormReLU(outputs * (len(rates) + 2), outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h, w)."""
        pooled = self.image_pool(F.adaptive_avg_pool2d(x, 1))
        pooled = F.interpolate(pooled, size=x.shape[2:], mode='bilinear')
        outs = [branch(x) for branch in self.branches]
        return self.dropout(self.project(torch.cat([*outs, pooled], 1)))


class ConvELU(nn.Module):
    """3x3 convolution with reflection padding, and ELU."""

    def __init__(self, inputs, outputs) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.conv = nn.Conv2d(inputs, outputs, 3)
        self.elu = nn.ELU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h, w)."""
        return self.elu(self.conv(self.pad(x)))


class Decoder(nn.Module):
    """U-Net decoder of five steps; `channels` are those of steps 0 to 4."""

    def __init__(self, encoder: Sequence[int], channels: Sequence[int], rates) -> None:
        super().__init__()
        self.reduce, self.fuse = nn.ModuleList(), nn.ModuleList()
        previous = encoder[-1]
        for step in (4, 3, 2, 1, 0):
            width = channels[step]
            self.reduce.append(
                ASPP(previous, width, rates) if step == 4 else ConvELU(previous, width)
            )
            skip = encoder[step - 1] if step else 0
            self.fuse.append(ConvELU(width + skip, width))
            previous = width

    def forward(self, levels, steps=(4, 3, 2, 1, 0), x=None) -> dict[int, Tensor]:
        """Return step -> features, from the levels or going on from `x`."""
        outs = {}
        x = levels[-1] if x is None else x
        for step in steps:
            x = self.reduce[4 - step](x)
            size = levels[step - 1].shape[2:] if step else [2 * s for s in x.shape[2:]]
            x = F.interpolate(x, size=size, mode='nearest')
            if step:
                x = torch.cat([x, levels[step - 1]], 1)
            outs[step] = x = self.fuse[4 - step](x)
        return outs


class DepthHead(nn.Module):
    """Decoder with disparities at four scales."""

    def __init__(self, encoder, channels, rates) -> None:
        super().__init__()
        self.decoder = Decoder(encoder, channels, rates)
        self.pad = nn.ReflectionPad2d(1)
        self.disparity = nn.ModuleList(nn.Conv2d(channels[s], 1, 3) for s in range(4))

    def disparities(self, steps: dict[int, Tensor]) -> list[Tensor]:
        """Return (N, 1, H / 2^s, W / 2^s), s = 0 to 3."""
        return [
            conv(self.pad(steps[s])).sigmoid() for s, conv in enumerate(self.disparity)
        ]


class SegHead(nn.Module):
    """Decoder, 1x1 projection (None: without) and 1x1 classifier on step 0."""

    def __init__(self, encoder, channels, rates, classes, projected) -> None:
        super().__init__()
        self.decoder = Decoder(encoder, channels, rates)
        self.project = None
        if projected:
            self.project = nn.ModuleList([nn.Module()])
            self.project[0].conv = nn.Conv2d(channels[0], projected, 1, bias=False)
        self.conv_seg = nn.Conv2d(projected or channels[0], classes, 1)

    def classify(self, steps: dict[int, Tensor]) -> Tensor:
        """Return logits (N, C, H, W)."""
        x = steps[0]
        return self.conv_seg(x if self.project is None else self.project[0].conv(x))


class Gate(nn.Module):
    """Gated attention between two decoders (Xu et al., CVPR 2018)."""

    def __init__(self, inputs, outputs) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h, w)."""
        return self.conv(x) * self.gate(x).sigmoid()


class Exchange(nn.Module):
    """Exchange of features at a quarter of the resolution, with a side classifier."""

    def __init__(self, width, classes) -> None:
        super().__init__()
        self.depth_to_seg, self.seg_to_depth = Gate(width, width), Gate(width, width)
        self.side_head = nn.Module()
        self.side_head.conv_seg = nn.Conv2d(width, classes, 1)


class PoseNet(nn.Module):
    """Motion from the earlier to the later frame of a pair."""

    def __init__(self, width=64, hidden=256) -> None:
        super().__init__()
        self.backbone = Encoder(18, inputs=6, width=width)
        self.head = nn.Sequential(
            nn.Conv2d(8 * width, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 6, 1),
        )

    def forward(self, earlier: Tensor, later: Tensor) -> Tensor:
        """Return axis-angle and translation (N, 6) of images (N, 3, H, W)."""
        features = self.backbone(torch.cat([earlier, later], 1))[-1]
        return 0.01 * self.head(features).mean((2, 3))


class Network(nn.Module):
    """Encoder with the heads that a config has, named as in our checkpoints."""

    def __init__(self, cfg: dict) -> None:
        super().__init__()
        encoder = cfg['backbone']
        width = encoder.get('base_channels', 64)
        dilated = encoder.get('dilations', (1,))[-1] == 2
        self.backbone = Encoder(encoder['depth'], width=width, dilated=dilated)
        levels = self.backbone.channels
        self.decode_head = self.depth_head = self.distillation = self.pose_net = None
        seg, depth = cfg.get('decode_head'), cfg.get('depth_head')
        if seg and seg['type'] != 'NoHead':
            decoder = seg['decoder']
            options = decoder['channels'], decoder['aspp_rates']
            classes, projected = seg['num_classes'], seg['channels']
            self.decode_head = SegHead(levels, *options, classes, projected)
        if depth:
            decoder = depth['decoder']
            self.depth_head = DepthHead(
                levels, decoder['channels'], decoder['aspp_rates']
            )
        if cfg.get('distillation'):
            self.distillation = Exchange(options[0][SIDE_STEP], classes)
        if cfg.get('pose_net'):
            pose = cfg['pose_net']
            self.pose_net = PoseNet(pose['in_channels'] // 8, pose.get('channels', 256))

    def forward(self, img: Tensor, labels: bool = True, depth: bool = True) -> dict:
        """Return `levels` and, as asked for, `logits`, `side` and `disparities`."""
        levels = self.backbone(img)
        if self.distillation is not None:
            return self._exchange(levels, labels, depth)
        outs = dict(levels=levels)
        if self.decode_head is not None:
            outs['logits'] = self.decode_head.classify(self.decode_head.decoder(levels))
        if self.depth_head is not None:
            steps = self.depth_head.decoder(levels)
            outs['disparities'] = self.depth_head.disparities(steps)
        return outs

    def _exchange(self, levels: list[Tensor], labels: bool, depth: bool) -> dict:
        first, last = (4, 3, 2), (1, 0)
        seg_head, depth_head = self.decode_head, self.depth_head
        seg = seg_head.decoder(levels, first)
        geometry = depth_head.decoder(levels, first)
        outs = dict(levels=levels)
        if labels:
            x = self.distillation.depth_to_seg(geometry[SIDE_STEP])
            x = seg[SIDE_STEP] + x
            outs['logits'] = seg_head.classify(seg_head.decoder(levels, last, x))
            outs['side'] = self.distillation.side_head.conv_seg(seg[SIDE_STEP])
        if depth:
            x = geometry[SIDE_STEP] + self.distillation.seg_to_depth(seg[SIDE_STEP])
            steps = {**geometry, **depth_head.decoder(levels, last, x)}
            outs['disparities'] = depth_head.disparities(steps)
        return outs
