"""Levels of a backbone, compared once with what the heads were built for."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from mmdepthseg.models.heads.unet_decoder import NUM_STEPS, UNetDecoder
from mmdepthseg.utils.errors import UserError

#: Size of the dummy image; a multiple of the strides and patches in use (14, 16, 32).
DUMMY_SIZE = (448, 224)
Level = tuple[int, int]  # channels, stride


def check_levels(model: Any) -> None:
    """Compare the levels of backbone and neck with the heads' expectations.

    One pass of a dummy image gives channels and strides. Networks that take no such
    image (other channels, fixed sizes) are not checked.

    Args:
        model: A `DepthSegmentor`, complete.

    Raises:
        UserError: Order, number, strides or channels of the levels do not fit a head;
            names the line of the config to change.
    """
    levels = find_levels(model)
    if levels is None:
        return
    for place, head in _heads(model):
        decoder = getattr(head, 'decoder', None)
        if isinstance(decoder, UNetDecoder):
            _check_decoder(place, decoder.in_channels, levels)
        elif isinstance(head, BaseDecodeHead):
            _check_head(place, head, levels)


@torch.no_grad()
def find_levels(model: Any) -> list[Level] | None:
    """Return channels and stride of each level; None if a dummy image is not taken."""
    parts = [model.backbone, *([model.neck] if model.with_neck else [])]
    modes = [[module.training for module in part.modules()] for part in parts]
    some = next(model.backbone.parameters(), torch.zeros(1))
    try:
        features = torch.zeros(1, 3, *DUMMY_SIZE, device=some.device, dtype=some.dtype)
        for part in parts:
            features = part.eval()(features)
        shapes = [tuple(level.shape) for level in features]
    except Exception:  # whatever a foreign network raises for an image it cannot take
        return None
    finally:
        for part, training in zip(parts, modes, strict=True):
            for module, mode in zip(part.modules(), training, strict=True):
                module.training = mode
    if any(len(shape) != 4 for shape in shapes):
        return None
    return [(shape[1], round(DUMMY_SIZE[0] / shape[2])) for shape in shapes]


def _heads(model: Any) -> Iterator[tuple[str, nn.Module]]:
    if model.with_decode_head:
        yield 'decode_head', model.decode_head
    if model.depth_head is not None:
        yield 'depth_head', model.depth_head


def _check_decoder(
    place: str, in_channels: Sequence[int], levels: Sequence[Level]
) -> None:
    channels, strides = (list(column) for column in zip(*levels, strict=True))
    gives = f'the backbone gives {_describe(levels)}'
    if strides != sorted(strides):
        raise UserError(
            f'{place}: {gives}, deep before shallow; a U-Net needs shallow to deep: '
            'turn out_indices of the backbone round'
        )
    if list(in_channels) != channels:
        raise UserError(
            f'{place}: {gives}, but in_channels={list(in_channels)}: set '
            f'{place}.in_channels={channels}, or out_indices of the backbone'
        )
    # each step without a level up-samples by two
    first = 2 ** (NUM_STEPS + 1 - len(levels))
    if strides[0] != first:
        raise UserError(
            f'{place}: {gives}; with {len(levels)} levels the first must have stride '
            f'{first}, or the output has another size than the image. Give the '
            'backbone other out_indices, or a neck that makes such levels (MMSeg: '
            'Feature2Pyramid, MultiLevelNeck)'
        )


def _check_head(place: str, head: BaseDecodeHead, levels: Sequence[Level]) -> None:
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


def _describe(levels: Sequence[Level]) -> str:
    texts = ', '.join(f'{channels} at stride {stride}' for channels, stride in levels)
    return f'levels of channels {texts}'
