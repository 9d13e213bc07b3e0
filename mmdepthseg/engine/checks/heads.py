"""Checks of a model's heads against the classes, and of how they predict."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmseg.models.segmentors import BaseSegmentor
from torch import nn

from mmdepthseg.checkpoints.trained_classes import are_reordered
from mmdepthseg.utils.configs import check_test_cfg
from mmdepthseg.utils.errors import UserError, listed


def segmentation_heads(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield key and module of the decode and auxiliary heads of all segmentors."""
    for name, module in model.named_modules():
        if not isinstance(module, BaseSegmentor):
            continue
        for part in ('decode_head', 'auxiliary_head'):
            head: Any = getattr(module, part, None)
            for one in head if isinstance(head, nn.ModuleList) else [head]:
                if getattr(one, 'num_classes', None) is not None:
                    yield f'{config_key(name)}.{part}', one


def config_key(name: str) -> str:
    """Return the key of a module in the config: a teacher is a copy of a student."""
    key = {'student': 'segmentor', 'teacher.module': 'segmentor'}.get(name, name)
    return f'model.{key}'.rstrip('.')


def compare_with_training(place: str, dataset: Any, training: Any) -> str | None:
    """Compare the names of a validation's classes with those of the training.

    Networks know classes by position alone: with another order, each is scored under
    the name of another.

    Args:
        place: Key of the data loader.
        dataset: Its data set.
        training: That of `train_dataloader`.

    Returns:
        A warning about other names, or None.

    Raises:
        UserError: The names are the same in another order.
    """
    ours, theirs = (
        [*((getattr(one, 'metainfo', None) or {}).get('classes') or ())]
        for one in (dataset, training)
    )
    reordered = are_reordered(ours, theirs)
    if reordered is None:
        return None
    both = (
        f'the data set of {place} has the classes {listed(ours, 19)}, that of '
        f'train_dataloader {listed(theirs, 19)}'
    )
    if reordered:
        raise UserError(
            f'{both}, the same in another order, so that each would be scored under '
            "the name of another: give both the order of the training's (metainfo, and "
            'label_table if there is one)'
        )
    return f'{both}: they are compared by position'


def check_classes(place: str, dataset: Any, model: nn.Module) -> None:
    """Compare the classes of a data set with those of the heads.

    Args:
        place: Key of the data loader.
        dataset: Its data set; without `metainfo` nothing is checked.
        model: The model.

    Raises:
        UserError: Names the key that does not fit.
    """
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    # images that are only predicted need no classes
    if classes is None or not (classes or place.startswith('train')):
        return
    if isinstance(classes, str):
        raise UserError(
            f'{place}: the metainfo of the data set has classes={classes!r}, which is '
            f'a text: write classes=({classes!r},), with a comma, or a list'
        )
    count = len(classes)
    for name, head in segmentation_heads(model):
        if head.num_classes != count:
            raise UserError(
                f'{name}.num_classes is {head.num_classes}, but the data set of '
                f'{place} has {count} classes ({listed(classes, 8)}): set '
                f'num_classes={count}, or `classes` in the metainfo of the data set'
            )
        outputs = getattr(head, 'out_channels', count)
        losses = getattr(head, 'loss_decode', None)
        for loss in losses if isinstance(losses, nn.ModuleList) else [losses]:
            weights = getattr(loss, 'class_weight', None)
            if isinstance(weights, Sequence) and len(weights) not in (count, outputs):
                raise UserError(
                    f'{name}.loss_decode.class_weight has {len(weights)} '
                    f'weights for {count} classes ({listed(classes, 8)})'
                )
            if count == outputs == 1 and not getattr(loss, 'use_sigmoid', False):
                raise UserError(
                    f'{name} has a single class ({classes[0]}), of which every '
                    'pixel is for certain, so nothing is learned: add a class for the '
                    'rest, such as `background`, in the metainfo of the data set and '
                    'in the labels'
                )


def check_inference(model: nn.Module) -> None:
    """Check how segmentors predict, which MMSeg reads at the first validation.

    Raises:
        UserError: Names the key of `test_cfg`.
    """
    for name, module in model.named_modules():
        options = getattr(module, 'test_cfg', None)
        if isinstance(module, BaseSegmentor) and isinstance(options, Mapping):
            check_test_cfg(options, f'{config_key(name)}.test_cfg')
