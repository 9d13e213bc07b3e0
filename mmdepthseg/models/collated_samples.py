"""Collated samples, taken apart and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmdepthseg.names import sample_name
from mmdepthseg.utils.errors import UserError


def split_inputs(
    inputs: Mapping | Sequence | Tensor,
) -> tuple[Sequence[Tensor], Sequence[Any] | None]:
    """Return the images and neighbours of collated inputs of any layout.

    Args:
        inputs: See `DepthSegDataPreProcessor.forward`.

    Returns:
        N images (3, H, W), and N stacks of neighbours (F, 3, H, W), None for a missing
        one; a single None if no sample has neighbours.
    """
    adjacent = None
    if isinstance(inputs, Mapping):
        images, adjacent = inputs['img'], inputs.get('adjacent')
        if isinstance(images, Tensor) and images.ndim == 3:  # a single sample
            images, adjacent = [images], [adjacent]
    elif any(isinstance(sample, Mapping) for sample in inputs):
        # samples of MMSegmentation's data sets beside ours are images alone
        whole = [s if isinstance(s, Mapping) else dict(img=s) for s in inputs]
        images = [sample['img'] for sample in whole]
        adjacent = [sample.get('adjacent') for sample in whole]
    else:
        images = inputs
    if adjacent is not None and all(stack is None for stack in adjacent):
        adjacent = None
    return images, adjacent


def check_without_labels(samples: Sequence | None) -> None:
    """Raise if a sample has labels although the networks see smaller images.

    Raises:
        UserError: Names the sample.
    """
    for sample in samples or ():
        labels = {'gt_sem_seg', 'disparity_map'} & set(sample.keys())
        if labels:
            raise UserError(
                f'{sample.metainfo.get("img_path")}: {labels.pop()} has the size of '
                'the frame, but with the input_scale of the data preprocessor the '
                'networks see smaller images: set input_scale=1, or remove the label '
                'from the pipeline'
            )


def check_adjacent(
    images: Sequence[Tensor],
    adjacent: Sequence[Tensor | None] | None,
    samples: Sequence | None,
) -> None:
    """Raise if the samples of a batch differ in their neighbours.

    A collate function that keeps only the keys of the first sample may have dropped
    neighbours; the samples' metainfo shows this.

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
            name = sample_name(meta, unnamed=f'no. {position}')
            raise UserError(
                f'Sample {name} has {max(count, told)} adjacent frames, but the first '
                f'sample of the batch has {counts[0]}: use the same offsets and '
                'LoadAdjacentFrames in all sources of a batch'
            )
