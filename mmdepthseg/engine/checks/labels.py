"""Doubts about which labels a training sees; see `CheckStartHook`."""

import os
from collections.abc import Iterator
from typing import Any

from mmengine.dataset import BaseDataset
from torch import nn

from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.engine.runs import loads_labels, parts_of
from mmdepthseg.utils.errors import UserError, listed

#: Labels are searched for missing classes if their files are not larger than this.
CHEAP_BYTES = 4_000_000


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


def absent_classes(loader: Any) -> Iterator[str]:
    """Name the classes that no training label shows, if the labels are small.

    Args:
        loader: The training's data loader.

    Yields:
        A warning for each labelled part of the data set.
    """
    for part in parts_of(getattr(loader, 'dataset', None)):
        if not isinstance(part, SequenceDataset) or not part.metainfo.get('classes'):
            continue
        infos = [part.get_data_info(index) for index in range(len(part))]
        files = [info.get('seg_map_path') for info in infos]
        if not files or not all(path and os.path.isfile(path) for path in files):
            continue
        if sum(map(os.path.getsize, files)) > CHEAP_BYTES:
            continue
        try:
            pixels = class_pixels(part).sum(0)
        except UserError:  # no labels are loaded
            continue
        names = [c for c, n in zip(part.metainfo['classes'], pixels) if n == 0]
        if names:
            yield (
                f'train_dataloader: none of the {len(part)} labels shows '
                f'{listed(names, 8)}: nothing is learned about these classes'
            )


def _labelled(part: Any) -> Iterator[str]:
    """Yield the images of which the pipeline loads a label."""
    if loads_labels(part):
        yield from _images(part, labelled=True)


def _images(part: Any, labelled: bool = False) -> Iterator[str]:
    if not isinstance(part, BaseDataset):
        return
    for index in range(len(part)):
        info = part.get_data_info(index)
        if 'img_path' in info and (info.get('seg_map_path') or not labelled):
            yield os.path.abspath(info['img_path'])
