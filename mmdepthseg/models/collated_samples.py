"""What a collate function makes of samples, taken apart and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmdepthseg.utils.errors import UserError


def split_inputs(
    inputs: Mapping | Sequence | Tensor,
) -> tuple[Sequence[Tensor], Sequence[Any] | None]:
    """Return the images and neighbours of collated inputs, whatever collated them.

    Args:
        inputs: See `DepthSegDataPreProcessor.forward`.

    Returns:
        N images (3, H, W), and N stacks (F, 3, H, W), those that are missing None, or
        None if no sample has neighbours.
    """
    adjacent = None
    if isinstance(inputs, Mapping):
        images, adjacent = inputs['img'], inputs.get('adjacent')
        if isinstance(images, Tensor) and images.ndim == 3:  # a single sample
            images, adjacent = [images], [adjacent]
    elif len(inputs) and isinstance(inputs[0], Mapping):
        images = [sample['img'] for sample in inputs]
        adjacent = [sample.get('adjacent') for sample in inputs]
    else:
        images = inputs
    if adjacent is not None and all(stack is None for stack in adjacent):
        adjacent = None
    return images, adjacent


def check_without_labels(samples: Sequence | None) -> None:
    """Raise if a sample has labels, for networks that see smaller images.

    Raises:
        UserError: Names the sample.
    """
    for sample in samples or ():
        labels = {'gt_sem_seg', 'disparity_map'} & set(sample.keys())
        if labels:
            raise UserError(
                f'{sample.metainfo.get("img_path")}: {labels.pop()} is as large as the '
                'frame, and input_scale below 1 of the data preprocessor makes the '
                'networks see smaller ones: set it to 1, or leave the label out of '
                'the pipeline'
            )


def check_adjacent(
    images: Sequence[Tensor],
    adjacent: Sequence[Tensor | None] | None,
    samples: Sequence | None,
) -> None:
    """Raise if the samples of a batch differ in their neighbours.

    A collate function that keeps the keys of the first sample only may have dropped
    neighbours; the samples' metainfo tells.

    Raises:
        UserError: Names the first sample that differs.
    """
    absent = [None] * len(images)
    stacks = absent if adjacent is None else adjacent
    counts = [0 if stack is None else len(stack) for stack in stacks]
    for position, (count, sample) in enumerate(zip(counts, samples or absent)):
        meta = {} if sample is None else sample.metainfo
        told = len(meta.get('adjacent_offsets', ())) if meta else count
        if count != counts[0] or told != counts[0] or len(counts) != len(images):
            name = meta.get('img_id') or meta.get('img_path') or f'no. {position}'
            raise UserError(
                f'Sample {name} has {max(count, told)} adjacent frames, the first of '
                f'the batch {counts[0]}: use the same offsets and LoadAdjacentFrames '
                'in all sources of a batch.'
            )
