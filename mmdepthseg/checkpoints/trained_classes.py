"""The classes for which a checkpoint was trained, beside those of the data."""

import re
from collections.abc import Mapping, Sequence

from mmdepthseg.utils.errors import UserError, listed

#: All of Cityscapes; more names are counted.
SHOWN = 19


def trained_classes(checkpoint: Mapping) -> tuple[str, ...]:
    """Return the names of the classes that a training saved with its weights.

    Args:
        checkpoint: As the runner writes it.

    Returns:
        Empty if the checkpoint does not tell them.
    """
    meta = checkpoint.get('meta')
    known = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    names = known.get('classes') if isinstance(known, Mapping) else None
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def compare_classes(
    source: str, trained: Sequence[str], classes: Sequence[str], strict: bool
) -> str | None:
    """Compare the classes of a classifier's weights with those of the data.

    Weights know classes by position alone: with another order, a network is scored, or
    labels images, under wrong names.

    Args:
        source: Where the weights come from, for the message.
        trained: Names with which they were trained; empty: not known.
        classes: Names in the data set; empty: it has no labels.
        strict: Refuse other names, too. A training may start from them.

    Returns:
        A warning about other names, or None.

    Raises:
        UserError: The names are the same in another order; or, if `strict`, others.
    """
    reordered = are_reordered(classes, trained)
    if reordered is None:
        return None
    both = (
        f'it was trained with the classes {listed(trained, SHOWN)}; those of the data '
        f'set are {listed(classes, SHOWN)}'
    )
    cure = (
        'give metainfo=dict(classes=...) of the data set in the order of the training'
    )
    switch = 'or set default_hooks.check_checkpoint.check_classes=False'
    if reordered:
        order = 'the same ones in another order'
        raise UserError(f'{source}: {both}, {order}: {cure}, {switch}')
    if strict:
        raise UserError(f'{source}: {both}: {cure}, with its names, {switch}')
    return f'{source}: {both}; its classifier is kept, for classes of other names'


def are_reordered(classes: Sequence[str], others: Sequence[str]) -> bool | None:
    """Tell whether two lists have the same names in another order.

    Returns:
        False if the names differ; None if nothing does, or one list is empty.
    """
    ours, theirs = [*map(_plain, classes)], [*map(_plain, others)]
    if not ours or not theirs or ours == theirs:
        return None
    return sorted(ours) == sorted(theirs)


def _plain(name: object) -> str:
    """Return a name as it is compared: `Traffic_light` is `traffic light`."""
    return re.sub(r'[\s_-]+', ' ', str(name)).strip().casefold()
