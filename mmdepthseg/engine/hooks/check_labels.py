"""Doubts about which images a training sees with their labels."""

import os
from collections.abc import Iterator
from typing import Any

from mmengine.dataset import BaseDataset
from torch import nn

from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.engine.hooks.check_frames import parts_of


def shared_images(train: Any, val: Any) -> Iterator[str]:
    """Yield a warning if images of the validation are trained with their labels.

    Args:
        train: Data set of the training.
        val: That of the validation.
    """
    tested = {path for part in parts_of(val) for path in _images(part)}
    shared = sorted(tested & {p for part in parts_of(train) for p in _labelled(part)})
    if shared:
        yield (
            f'train_dataloader: {len(shared)} of the {len(tested)} images of the '
            f'validation are trained with their labels, such as {shared[0]}: its '
            'figures do not tell how unseen images fare. Give both other images '
            '(split, clips and exclude_clips, ann_file)'
        )


def more_labels(train: Any, model: nn.Module) -> Iterator[str]:
    """Yield a warning if a mean teacher's mixed images have labels of their own.

    Args:
        train: Data set of the training; of several sources, with their names.
        model: Not wrapped.
    """
    if not getattr(model, 'ground_truth_mixing', False):
        return
    parts = dict(
        zip(getattr(train, 'source_names', None) or (), getattr(train, 'datasets', ()))
    )
    labelled = {*_labelled(parts.pop('labeled', None))}
    for name, part in parts.items() if labelled else ():
        if more := sorted({*_labelled(part)} - labelled):
            yield (
                f'train_dataloader.dataset.sources.{name} has {len(more)} labels that '
                f'`labeled` has not, such as that of {more[0]}, and mixing uses them '
                '(ground_truth_mixing): set labeled_subset in `shared`, for all sources'
            )


def _labelled(part: Any) -> Iterator[str]:
    """Yield the images of which the pipeline loads a label."""
    steps = {type(step).__name__ for step in all_steps(getattr(part, 'pipeline', None))}
    if steps & {'LoadSegLabel', 'LoadAnnotations'}:
        yield from _images(part, labelled=True)


def _images(part: Any, labelled: bool = False) -> Iterator[str]:
    if not isinstance(part, BaseDataset):
        return
    for index in range(len(part)):
        info = part.get_data_info(index)
        if 'img_path' in info and (info.get('seg_map_path') or not labelled):
            yield os.path.abspath(info['img_path'])
