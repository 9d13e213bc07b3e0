"""Model config for a converted state dict, and the check that they match."""

import re
from collections.abc import Mapping

import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from mmdepthseg.checkpoints.converters.names import ASPP_RATES, FULL_RESOLUTION_LEVEL
from mmdepthseg.checkpoints.matching import CheckpointMatch, match_checkpoint
from mmdepthseg.utils.errors import UserError

STEPS = 5
NORM = dict(type='BN', requires_grad=True)
#: (x - 0.45) / 0.225, in units of 0..255: the input of both projects' encoders.
PREPROCESSOR = dict(
    type='DepthSegDataPreProcessor',
    mean=[114.75] * 3,
    std=[57.375] * 3,
    bgr_to_rgb=True,
    keep_raw=True,
)
#: Output stride 16, torchvision's replace_stride_with_dilation of the last stage.
DILATED = dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True)
_DEPTHS: dict[tuple[bool, tuple[int, ...]], int] = {
    (False, (2, 2, 2, 2)): 18,
    (False, (3, 4, 6, 3)): 34,
    (True, (3, 4, 6, 3)): 50,
    (True, (3, 4, 23, 3)): 101,
    (True, (3, 8, 36, 3)): 152,
}

State = Mapping[str, Tensor]


def model_config(state: State, levels: list[int], dilated: bool) -> dict:
    """Return the config of the `DepthSegmentor` whose entries these are.

    Args:
        state: Our name -> tensor.
        levels: Levels that the segmentation head projects, which weights do not tell;
            empty without a head, or without projection (it then taps full resolution).
        dilated: Whether the last stage of a bottleneck encoder is dilated, which
            weights do not tell.

    Raises:
        UserError: The encoder is not a known ResNet, or entries are missing.
    """
    backbone, channels = _backbone(state, 'backbone', dilated)
    config = dict(
        type='DepthSegmentor', data_preprocessor=PREPROCESSOR, backbone=backbone
    )
    if _has(state, 'decode_head'):
        config['decode_head'] = _seg_head(state, levels, channels)
    if _has(state, 'depth_head'):
        config['depth_head'] = dict(
            type='UNetDepthHead',
            num_scales=_count(state, r'depth_head\.disparity\.(\d+)\.weight'),
            decoder=dict(_decoder(state, 'depth_head.decoder'), in_channels=channels),
        )
    if _has(state, 'pose_net'):
        encoder, deepest = _backbone(state, 'pose_net.backbone', False)
        first = _get(state, 'pose_net.head.0.weight')
        config['pose_net'] = dict(
            type='PoseNet',
            in_channels=deepest[-1],
            channels=len(first),
            backbone=dict(
                encoder,
                out_stem=False,
                in_channels=_get(state, 'pose_net.backbone.conv1.weight').shape[1],
            ),
        )
    if _has(state, 'distillation'):
        config['distillation'] = dict(
            type='PADDistillation',
            side_weight=0.5 if _has(state, 'distillation.side_head') else 0.0,
        )
    return config


def check_fit(state: State, config: Mapping) -> CheckpointMatch:
    """Build the model and compare its entries with a state dict.

    Args:
        state: Our name -> tensor.
        config: Config of the model.
    """
    from mmdepthseg.registry import MODELS

    # only names and shapes are needed
    with DefaultScope.overwrite_default_scope('mmdepthseg'), torch.device('meta'):
        return match_checkpoint(MODELS.build(config), state)


def _has(state: State, prefix: str) -> bool:
    return any(name.startswith(f'{prefix}.') for name in state)


def _get(state: State, name: str) -> Tensor:
    if name not in state:
        raise UserError(f'incomplete: nothing in the source becomes {name}')
    return state[name]


def _count(state: State, pattern: str) -> int:
    found = (re.fullmatch(pattern, name) for name in state)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _backbone(state: State, prefix: str, dilated: bool) -> tuple[dict, list[int]]:
    """Return the config of an encoder and the channels of its five levels."""
    part = re.escape(prefix)
    blocks = tuple(
        _count(state, rf'{part}\.layer{stage}\.(\d+)\.conv1\.weight')
        for stage in range(1, STEPS)
    )
    bottleneck = f'{prefix}.layer1.0.conv3.weight' in state
    depth = _DEPTHS.get((bottleneck, blocks))
    if depth is None:
        raise UserError(
            f'the {prefix} is not a known ResNet: its stages have {blocks} '
            f'{"bottleneck" if bottleneck else "basic"} blocks'
        )
    stem = len(_get(state, f'{prefix}.conv1.weight'))
    base = len(_get(state, f'{prefix}.layer1.0.conv1.weight'))
    config = dict(type='ResNet', depth=depth, norm_cfg=NORM)
    if (stem, base) != (64, 64):
        config.update(stem_channels=stem, base_channels=base)
    if dilated and bottleneck:
        config.update(DILATED)
    expansion = 4 if bottleneck else 1
    return config, [stem, *(base * expansion * 2**i for i in range(STEPS - 1))]


def _decoder(state: State, prefix: str) -> dict:
    """Return the config of a decoder without the encoder's channels."""
    aspp = f'{prefix}.reduce.0.project.conv.weight'
    widths = [len(state[aspp])] if aspp in state else []
    while (name := f'{prefix}.reduce.{len(widths)}.conv.weight') in state:
        widths.append(len(state[name]))
    if not widths:
        raise UserError(f'incomplete: nothing in the source becomes {prefix}.reduce.0')
    # steps that are not built have no width of their own
    widths += widths[-1:] * (STEPS - len(widths))
    return dict(
        type='UNetDecoder',
        channels=widths[::-1],
        aspp_rates=list(ASPP_RATES) if aspp in state else None,
        norm_cfg=NORM if f'{prefix}.reduce.1.bn.weight' in state else None,
    )


def _seg_head(state: State, levels: list[int], channels: list[int]) -> dict:
    inter = state.get('decode_head.inter.conv.weight')
    projected = state.get('decode_head.project.0.conv.weight')
    return dict(
        type='UNetSegHead',
        in_channels=channels,
        decoder=_decoder(state, 'decode_head.decoder'),
        levels=levels or [FULL_RESOLUTION_LEVEL],
        channels=None if projected is None else len(projected),
        inter_channels=None if inter is None else len(inter),
        num_classes=len(_get(state, 'decode_head.conv_seg.weight')),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    )
