"""Doubts about which labels a training sees; see `CheckStartHook`."""

import os
from collections.abc import Iterator
from typing import Any

import mmengine.fileio as fileio
from mmengine.dataset import BaseDataset
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from torch import nn

from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms import LoadSegLabel
from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.datasets.transforms.label_checks import LABELS_ARE_OPTIONAL
from mmdepthseg.engine.runs import (
    loads_labels,
    parts_of,
    source_keys,
    step_names,
)
from mmdepthseg.utils.errors import UserError, listed

#: Transforms that load a label or fail.
LOADERS = (LoadAnnotations, LoadSegLabel)
#: Labels are searched for missing classes if their files are not larger than this.
CHEAP_BYTES = 4_000_000


def check_label_files(place: str, dataset: Any) -> None:
    """Refuse labels that MMSegmentation's data sets list, but that do not exist.

    They list a label for each image without looking for it; ours look.

    Args:
        place: Key of the data loader.
        dataset: Its data set.

    Raises:
        UserError: Names the first such file, and what to do.
    """
    for part in parts_of(dataset):
        if isinstance(part, SequenceDataset) or not isinstance(part, BaseSegDataset):
            continue
        steps = [s for s in all_steps(part.pipeline) if type(s) in LOADERS]
        # other loaders may take what is missing, and other places cannot be listed
        if not steps or any(one.backend_args for one in (part, *steps)):
            continue
        infos = (part.get_data_info(index) for index in range(len(part)))
        paths = [path for info in infos if (path := info.get('seg_map_path'))]
        lacking = [path for path in _unlisted(paths) if not fileio.exists(path)]
        if lacking:
            raise UserError(
                f'{place}: {len(lacking)} of {len(paths)} labels do not exist, such as '
                f'{lacking[0]}: {LABELS_ARE_OPTIONAL}'
            )


def _unlisted(paths: list[str]) -> Iterator[str]:
    """Yield the files that are not in the lists of their folders, each read once."""
    names: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in names:
            there = os.path.isdir(folder or '.')
            names[folder] = {*os.listdir(folder or '.')} if there else set()
        if name not in names[folder]:
            yield path


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
        train: Data set of the training; its parts tell their `branch`.
        model: Not wrapped.
    """
    if not getattr(model, 'ground_truth_mixing', False):
        return
    parts = [*_branches(train, 'train_dataloader.dataset')]
    labelled = {
        p for _, branch, one in parts if branch == 'labeled' for p in _labelled(one)
    }
    for place, branch, part in parts if labelled else ():
        if branch != 'mix':
            continue
        if more := sorted({*_labelled(part)} - labelled):
            yield (
                f"{place} (branch='mix') has {len(more)} labels that "
                f"branch='labeled' has not, such as that of {more[0]}, and mixing "
                f'uses them (ground_truth_mixing): {_without_labels(part)}'
            )


def _branches(
    dataset: Any, place: str, branch: str | None = None
) -> Iterator[tuple[str, str | None, Any]]:
    """Yield the key of each data set inside of others, its branch, and itself.

    Args:
        dataset: A data set.
        place: Its key.
        branch: That which a concatenation around it gives its samples; None: its own.
    """
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if isinstance(parts, list | tuple):
        keys = source_keys(dataset, place)
        given = getattr(dataset, 'branches', None) or [None] * len(parts)
        for key, own, part in zip(keys, given, parts, strict=True):
            yield from _branches(part, key, branch or own)
    elif inner is not None:
        yield from _branches(inner, f'{place}.dataset', branch)
    else:
        yield place, branch or getattr(dataset, 'branch', None), dataset


def _without_labels(part: Any) -> str:
    """Return what to change in the config for a source without labels of its own."""
    if isinstance(part, SequenceDataset):
        return (
            'set labeled_subset in `shared`, for all sources, and subset_mode='
            "'mark' (all images) or 'exclude' (the others) in this one"
        )
    names = step_names(part)
    steps = ' and LoadAnnotations out of its pipeline' * ('LoadAnnotations' in names)
    return (
        f'leave seg_map_path out of its data_prefix{steps}, or make all sources '
        "ImageLabelDataset with labeled_subset in `shared` and subset_mode='mark' in "
        'this one'
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
