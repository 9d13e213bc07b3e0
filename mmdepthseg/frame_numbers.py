"""Numbers in the names of a clip's frames: their order, gaps, other sequences."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

_NUMBERS = re.compile(r'(\d+(?:\.\d+)?)')
_LAST_NUMBER = re.compile(r'(|.*?\D)(\d+(?:\.\d+)?)')
#: Digits of a time of day, hours first.
MIDNIGHT = 6
#: Changes from which on, and digits up to which, frames are counted within seconds.
_COUNTED, _COUNT_DIGITS = 3, 3
#: Where numbers of two digits in times of day start again: seconds, frames of a second.
_TIMES = (24, 25, 30, 50, 60)


def natural_key(name: str) -> tuple:
    """Return the sorting key of a frame: digits are numbers, with a point decimals.

    So time stamps without padding are in order: .2, .25, .3. Equal numbers (1, 01) are
    in the order of their names. Decimal, because stamps in nanoseconds exceed a float.
    """
    parts = _NUMBERS.split(name)
    return [Decimal(p) if i % 2 else p for i, p in enumerate(parts)], name


def number_gaps(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return where the numbers of a clip's frames go on farther than usual.

    Args:
        names: Names without suffix, in the order of `list_frames`.

    Returns:
        Names before and after each gap: of frames that end in numbers which differ by
        twice the median step or more, and which are the same in front of it. None if
        that is true of more than a third of the steps, as of irregular times.
    """
    cuts = [_LAST_NUMBER.fullmatch(name) for name in names]
    steps = {
        (names[i], names[i + 1]): Decimal(after[2]) - Decimal(before[2])
        for i, (before, after) in enumerate(pairwise(cuts))
        if before and after and before[1] == after[1]
    }
    usual = statistics.median_low(steps.values()) if steps else Decimal(0)
    gaps = [pair for pair, step in steps.items() if step >= 2 * usual > 0]
    return gaps if 3 * len(gaps) <= len(steps) else []


def sequence_changes(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return where a clip's frames go on with another camera or sequence.

    Args:
        names: Names without suffix, in the order of `list_frames`.

    Returns:
        Names before and after each such place: the text in front of a number changes
        (`left_2`, `right_0`), or what follows equal numbers (`2_left`, `2_right`), or
        a number that changes seldom rises while a later one falls (`1_31`, `2_00`),
        other than as times do (`1_59`, `2_00`), or a later text changes. Names without
        a number say nothing.
    """
    steps = []  # the names, and the first part in which they differ; texts are even
    keys = [natural_key(name)[0] for name in names]
    for pair, (one, other) in zip(pairwise(names), pairwise(keys), strict=True):
        parts = enumerate(zip(one, other, strict=False))
        first = next((i for i, (a, b) in parts if a != b), None)
        if first is not None and len(one) > 1 and len(other) > 1:
            steps.append((pair, first, one, other))
    places = Counter(first for _, first, _, _ in steps)
    longest: dict[int, Decimal] = {}
    for _, first, one, other in steps:
        if first % 2:
            step = other[first] - one[first]
            longest[first] = max(step, longest.get(first, step))
    changes = [
        (pair, first)
        for pair, first, _, _ in steps
        if first % 2 == 0
        or (2 * places[first] <= len(steps) and not _goes_on(*pair, longest))
    ]
    counted = {first for _, first in changes if _is_counted(changes, first)}
    return [pair for pair, first in changes if first not in counted]


def _is_counted(changes: list[tuple[tuple[str, str], int]], first: int) -> bool:
    """Tell whether names count frames within seconds: `1_29`, `2_00`, ..., `2_29`.

    Args:
        changes: Pairs of names, and the part in which they differ first.
        first: A part: the seconds, which rise by one; frames start again, at one
            number.
    """
    pairs = [pair for pair, part in changes if part == first]
    if first % 2 == 0 or len(pairs) < _COUNTED:
        return False
    starts = set()
    for one, other in pairs:
        before, after = _NUMBERS.split(one), _NUMBERS.split(other)
        if Decimal(after[first]) - Decimal(before[first]) != 1:
            return False
        starts.add(tuple(after[first + 2 :: 2]))
    return len(starts) == 1 and all(len(n) <= _COUNT_DIGITS for n in starts.pop())


def _goes_on(one: str, other: str, longest: Mapping[int, Decimal]) -> bool:
    """Tell whether a sequence goes on where a number rises that changes seldom.

    Args:
        one: The name before.
        other: The name after it.
        longest: The longest step of each part of the names.
    """
    before, after = _NUMBERS.split(one), _NUMBERS.split(other)
    if before[::2] != after[::2]:
        return False
    falls = []
    for i, (text, new) in enumerate(zip(before, after, strict=True)):
        if i % 2 and (step := Decimal(new) - Decimal(text)) < 0:
            digits = len(text.partition('.')[0])
            if digits >= MIDNIGHT and (text[:3], new[:3]) == ('235', '000'):
                return True
            ends = (10**digits, *(_TIMES if digits == 2 else ()))
            # 59, 00 is a step of 1
            falls.append(any(0 < step + end <= 2 * longest.get(i, 0) for end in ends))
    return any(falls) or not falls
