"""Levels of a backbone, compared once with what the heads were built for."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from mmdepthseg.models.heads.decode_depth_head import DecodeDepthHead
from mmdepthseg.models.heads.pose_net import PoseNet
from mmdepthseg.models.heads.unet_decoder import NUM_STEPS, UNetDecoder
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.modes import kept_modes

#: Size of the dummy image; a multiple of the strides and patches in use (14, 16, 32).
DUMMY_SIZE = (448, 224)
Level = tuple[int, int]  # channels, stride


def check_levels(model: Any) -> None:
    """Compare the levels of backbone and neck with the heads' expectations.

    One pass of a dummy image gives channels and strides. Networks that do not take one
    (other channels) are not checked.

    Args:
        model: A `DepthSegmentor`, complete.

    Raises:
        UserError: Order, number, strides or channels of the levels do not fit a head;
            names the line of the config to change.
    """
    _check_pose_net(model.pose_net)
    levels = find_levels(model)
    if levels is None:
        return
    deepest = 0 if model.loss_feature is None else len(levels)
    for place, head in _heads(model):
        decoder = getattr(head, 'decoder', None)
        if isinstance(decoder, UNetDecoder):
            _check_decoder(place, decoder.in_channels, levels)
            deepest = len(levels)
        elif isinstance(head, BaseDecodeHead):
            deepest = max(deepest, _check_head(place, head, levels))
        else:
            deepest = len(levels)  # unknown
    if deepest < len(levels):
        raise UserError(
            f'the backbone gives {_describe(levels)}, of which no head takes the '
            'deepest: set decode_head.in_index, or out_indices of the backbone'
        )


def find_levels(model: Any) -> list[Level] | None:
    """Return channels and stride of each level; None if a dummy image is not taken."""
    parts = [model.backbone, *([model.neck] if model.with_neck else [])]
    return _levels_of(parts, channels=3)


@torch.no_grad()
def _levels_of(parts: list[nn.Module], channels: int) -> list[Level] | None:
    some = next(parts[0].parameters(), torch.zeros(1))
    own = getattr(parts[0], 'img_size', None)  # of networks with a fixed size
    sizes = [DUMMY_SIZE] if own is None else [DUMMY_SIZE, tuple(own)]
    with kept_modes(module for part in parts for module in part.modules()):
        for part in parts:
            part.eval()  # MMSeg's return None
        for size in sizes:
            img = torch.zeros(1, channels, *size, device=some.device, dtype=some.dtype)
            with contextlib.suppress(Exception):  # whatever a foreign network raises
                shapes = _shapes(parts, img)
                if all(len(shape) == 4 for shape in shapes):
                    return [(s[1], round(size[0] / s[2])) for s in shapes]
        return None


def _shapes(parts: list[nn.Module], img: Tensor) -> list[tuple[int, ...]]:
    features: Any = img
    for part in parts:
        features = part(features)
    return [tuple(level.shape) for level in features]


def _heads(model: Any) -> Iterator[tuple[str, nn.Module]]:
    if model.with_decode_head:
        yield 'decode_head', model.decode_head
    if model.with_auxiliary_head:
        heads = model.auxiliary_head
        for index, head in enumerate(heads if isinstance(heads, nn.ModuleList) else ()):
            yield f'auxiliary_head[{index}]', head
        if not isinstance(heads, nn.ModuleList):
            yield 'auxiliary_head', heads
    if isinstance(model.depth_head, DecodeDepthHead):
        yield 'depth_head.decode_head', model.depth_head.decode_head
    elif model.depth_head is not None:
        yield 'depth_head', model.depth_head


def _check_pose_net(pose_net: nn.Module | None) -> None:
    if not isinstance(pose_net, PoseNet):
        return
    levels = _levels_of([pose_net.backbone], channels=6)
    wanted = pose_net.head[0].in_channels
    if levels is not None and levels[-1][0] != wanted:
        raise UserError(
            f'pose_net: its backbone gives {_describe(levels)}, but '
            f'in_channels={wanted}: set pose_net.in_channels={levels[-1][0]}'
        )


def _check_decoder(
    place: str, in_channels: Sequence[int], levels: Sequence[Level]
) -> None:
    channels, strides = (list(column) for column in zip(*levels, strict=True))
    gives = f'the backbone gives {_describe(levels)}'
    if strides != sorted(strides):
        raise UserError(
            f'{place}: {gives}, deep before shallow; a U-Net needs shallow to deep: '
            'reverse the out_indices of the backbone'
        )
    if list(in_channels) != channels:
        owner = 'depth_head.decoder' if place == 'depth_head' else place
        raise UserError(
            f'{place}: {gives}, but in_channels={list(in_channels)}: set '
            f'{owner}.in_channels={channels}, or out_indices of the backbone'
        )
    # each step without a level up-samples by two
    first = 2 ** (NUM_STEPS + 1 - len(levels))
    cure = (
        'Give the backbone other out_indices, or a neck that makes such levels (MMSeg: '
        'Feature2Pyramid, MultiLevelNeck)'
    )
    if strides[0] != first:
        raise UserError(
            f'{place}: {gives}; with {len(levels)} levels the first must have stride '
            f'{first}, or the output has another size than the image. {cure}'
        )
    if len(levels) > 1 and strides[0] == strides[-1]:
        raise UserError(
            f'{place}: {gives}; a U-Net needs finer levels beside the deepest. {cure}'
        )


def _check_head(place: str, head: BaseDecodeHead, levels: Sequence[Level]) -> int:
    """Compare an MMSeg head with the levels; return how many it needs."""
    # K-Net's head is a list whose first one takes the levels
    head = getattr(head, 'kernel_generate_head', head)
    indices = head.in_index if isinstance(head.in_index, Sequence) else [head.in_index]
    wanted = head.in_channels
    wanted = list(wanted) if isinstance(wanted, Sequence) else [wanted]
    gives = f'the backbone gives {_describe(levels)}'
    if not all(-len(levels) <= index < len(levels) for index in indices):
        raise UserError(
            f'{place}.in_index={head.in_index}: {gives}; set {place}.in_index, or '
            'out_indices of the backbone'
        )
    found = [levels[index][0] for index in indices]
    if head.input_transform == 'resize_concat':
        found, wanted = [sum(found)], [sum(wanted)]
    if found != wanted:
        raise UserError(
            f'{place}: {gives}, of which in_index={head.in_index} takes {found} '
            f'channels, but {place}.in_channels={head.in_channels}: change one of them'
        )
    return 1 + max(index % len(levels) for index in indices)


def _describe(levels: Sequence[Level]) -> str:
    texts = ', '.join(f'{channels} at stride {stride}' for channels, stride in levels)
    return f'levels of channels {texts}'
