"""What all parts of the page of a selection share: the picks, colours, numbers."""

import math
from dataclasses import dataclass

from mmdepthseg.selection.page.images import Thumbnail

#: Colours of budgets, smallest first, between which others are interpolated. Each
#: has a contrast of 3 or more with the light and with the dark background.
_RAMP = ((59, 98, 217), (14, 131, 141), (71, 138, 38), (190, 112, 8), (201, 66, 62))
INITIAL_COLOR = '#7d5bbe'


@dataclass
class Group:
    """Picks that enter with one budget, or those that were given.

    Attributes:
        title: Heading.
        first, last: Numbers of the first and last pick, from 1.
        color: CSS colour.
        initial: True for those that were given.
    """

    title: str
    first: int
    last: int
    color: str
    initial: bool = False


@dataclass
class Pick:
    """A chosen frame.

    Attributes:
        number: Place in the order, from 1.
        row: In the features.
        name: What to call it.
        group: What it entered with.
        distance: To the nearest frame chosen before, or None.
        nearest: Number of that frame, or None.
        score: Or None.
        thumbnail: Or None.
    """

    number: int
    row: int
    name: str
    group: Group
    distance: float | None
    nearest: int | None
    score: float | None
    thumbnail: Thumbnail | None = None


def group_picks(count: int, initial: int, budgets: list[int]) -> list[Group]:
    """The groups of `count` picks, in order.

    Args:
        count: Frames chosen.
        initial: How many of them were given.
        budgets: Ascending; one beyond `count` was not reached.
    """
    groups = []
    if initial:
        groups.append(Group('Labelled before', 1, initial, INITIAL_COLOR, True))
    ends = [budget for budget in budgets if budget > initial]
    start = initial
    for place, budget in enumerate(ends):
        last = min(budget, count)
        if last > start:
            title = f'Budget {budget:,}'
            if last < budget:
                title += f', ended at {last:,}'
            groups.append(Group(title, start + 1, last, _color(place, len(ends))))
            start = last
    return groups


def number(value: float) -> str:
    """Three or four significant digits: 1234, 12.3, 0.0123, 1.23e-05."""
    if value == 0 or not math.isfinite(value):
        return '0' if value == 0 else 'not finite'
    if 1e-3 <= abs(value) < 1e6:
        decimals = max(0, 2 - math.floor(math.log10(abs(value))))
        return f'{value:,.{decimals}f}'
    return f'{value:.2e}'


def percent(share: float) -> str:
    """A share as a percentage: '31 %', '4.2 %'."""
    return f'{100 * share:.{0 if abs(share) >= 0.0995 else 1}f}\u00a0%'


def _color(place: int, count: int) -> str:
    """Colour `place` of `count`, along the ramp."""
    position = place * (len(_RAMP) - 1) / max(1, count - 1)
    left = min(int(position), len(_RAMP) - 2)
    weight = position - left
    channels = (
        round((1 - weight) * a + weight * b)
        for a, b in zip(_RAMP[left], _RAMP[left + 1], strict=True)
    )
    return '#' + ''.join(f'{channel:02x}' for channel in channels)
