"""The picks of a selection as its page shows them: groups, pictures, short numbers."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdepthseg.selection.coverage import nearest_before
from mmdepthseg.selection.features import FeaturePool

#: Colours of budgets, smallest first; others are interpolated. Each has a contrast of
#: at least 3 with the light and the dark background.
_RAMP = ((59, 98, 217), (14, 131, 141), (71, 138, 38), (190, 112, 8), (201, 66, 62))
INITIAL_COLOR = '#7d5bbe'
#: Longer side of a thumbnail, pixels, and its JPEG quality, 0 to 100.
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 160, 72


@dataclass
class Group:
    """Picks `first` to `last`, counted from 1: of one budget, or the initial ones."""

    title: str
    first: int
    last: int
    color: str
    initial: bool = False


@dataclass
class Pick:
    """A chosen frame: its number, from 1, and the number of its nearest earlier pick.

    `mark` and `label` are places on the map: of the frame and of its number.
    """

    number: int
    row: int
    name: str
    group: Group
    distance: float | None
    nearest: int | None
    score: float | None
    thumbnail: str | None = None
    mark: np.ndarray | None = None
    label: np.ndarray | None = None


def group_picks(count: int, initial: int, budgets: list[int]) -> list[Group]:
    """Return the groups of `count` picks, in order.

    Args:
        count: Number of chosen frames.
        initial: Number of initial frames among them.
        budgets: Ascending; those above `count` were not reached.
    """
    groups, start = [], initial
    if initial:
        groups.append(Group('Labelled before', 1, initial, INITIAL_COLOR, True))
    ends = [budget for budget in budgets if budget > initial]
    for place, budget in enumerate(ends):
        last = min(budget, count)
        if last > start:
            ended = f', ended at {last:,}' if last < budget else ''
            along = place / max(1, len(ends) - 1) * (len(_RAMP) - 1)
            parts = zip(*_RAMP, strict=True)
            channels = (np.interp(along, range(len(_RAMP)), part) for part in parts)
            color = '#' + ''.join(f'{round(channel):02x}' for channel in channels)
            groups.append(Group(f'Budget {budget:,}{ended}', start + 1, last, color))
            start = last
    return groups


def list_picks(
    selection: Mapping,
    order: np.ndarray,
    budgets: list[int],
    names: Mapping[int, str],
    pool: FeaturePool | None,
) -> list[Pick]:
    """Return the picks, without pictures.

    Neighbours and distances are those of the selection; if its method measures no
    distances, they are measured here.

    Args:
        selection: Content of `selection.json`.
        order: The rows to show.
        budgets: Ascending.
        names: Of rows, as far as known.
        pool: Features to measure with; None: nothing is measured.
    """
    nothing, initial = [None] * len(order), int(selection.get('initial') or 0)
    groups = group_picks(len(selection['order']), initial, budgets)
    scores = selection.get('score') or nothing
    distances = list(selection.get('min_distance') or nothing)
    rows = order.tolist()
    place = {row: number for number, row in enumerate(rows, start=1)}
    nearest = [place.get(row) for row in selection.get('nearest') or nothing]
    if pool is not None and not any(nearest):
        places, found = nearest_before(pool, order)
        for index in range(max(1, initial), len(order)):
            nearest[index] = int(places[index]) + 1
            distances[index] = float(found[index])
    picks = []
    for index, row in enumerate(rows):
        group = next(group for group in groups if index < group.last)
        told = distances[index], nearest[index], scores[index]
        picks.append(Pick(index + 1, row, names.get(row, f'row {row}'), group, *told))
    return picks


def make_thumbnail(path: str | Path) -> str | None:
    """Return a small JPEG of an image as a `data:` address; None if unreadable."""
    import cv2

    from mmdepthseg.utils.pictures import read_picture

    image = read_picture(path)
    if image is None:
        return None
    scale = min(1.0, THUMBNAIL_SIDE / max(image.shape[:2]))
    size = [max(1, round(scale * side)) for side in image.shape[1::-1]]
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    quality = (cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY)
    code = base64.b64encode(cv2.imencode('.jpg', image, quality)[1].tobytes()).decode()
    return f'data:image/jpeg;base64,{code}'


def number(value: float) -> str:
    """Format a number with few digits: 1,234, 12.3, 0.0123, 1.23e-05."""
    if value == 0 or not math.isfinite(value):
        return '0' if value == 0 else 'not finite'
    if 1e-3 <= abs(value) < 1e6:
        decimals = max(0, 2 - math.floor(math.log10(abs(value))))
        return f'{value:,.{decimals}f}'
    return f'{value:.2e}'


def percent(share: float) -> str:
    """Format a share as a percentage: '31 %', '4.2 %'."""
    return f'{100 * share:.{0 if abs(share) >= 0.0995 else 1}f}\u00a0%'
