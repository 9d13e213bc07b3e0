"""Coverage over budget, against random, as inline SVG and as a table."""

import math
from collections.abc import Callable
from html import escape

import numpy as np

from mmdepthseg.selection.page.parts import number, percent
from mmdepthseg.selection.page.space import Coverage

WIDTH, HEIGHT = 480, 300
RIGHT, TOP, BOTTOM = 16, 30, 46
#: Left of the axis: its name and a gap; per digit.
_NAME, _DIGIT = 32, 8.5
#: Points of a line, at most, and pixels between labels of budgets.
_MOST_POINTS = 300
_LABEL_GAP = 30


def coverage_section(coverage: Coverage, budgets: list[int]) -> str:
    """Two charts, mean and largest distance, their legend and a table.

    Args:
        coverage: What was measured.
        budgets: Ascending; shown where there are that many picks.

    Returns:
        HTML.
    """
    last = int(coverage.counts[-1])
    budgets = sorted({min(budget, last) for budget in budgets} | {last})
    budgets = [budget for budget in budgets if budget >= coverage.counts[0]]
    draws = len(coverage.seeds)
    legend = (
        '<ul class="legend"><li><svg viewBox="0 0 26 10" aria-hidden="true">'
        '<path class="own" d="M1 5H25"/></svg>this selection</li>'
        '<li><svg viewBox="0 0 26 10" aria-hidden="true">'
        '<path class="band" d="M1 1H25V9H1Z"/><path class="random" d="M1 5H25"/></svg>'
        f'random: mean and range of {draws} draws</li></ul>'
    )
    charts = ''.join(
        _chart(title, coverage.counts, own, random, budgets)
        for title, own, random in (
            ('Mean distance', coverage.mean, coverage.random_mean),
            ('Largest distance', coverage.largest, coverage.random_largest),
        )
    )
    return f'{legend}<div class="charts">{charts}</div>{_table(coverage, budgets)}'


def compare(coverage: Coverage) -> str:
    """The two curves' ends against random, in a sentence."""
    parts = []
    for what, own, random in (
        ('the largest', coverage.largest[-1], coverage.random_largest[:, -1]),
        ('the mean', coverage.mean[-1], coverage.random_mean[:, -1]),
    ):
        middle = random.mean()
        change = own / middle - 1 if middle > 0 else 0.0
        if abs(change) < 5e-4:
            words = 'the same as for random choice'
        else:
            word = 'below' if change < 0 else 'above'
            words = f'{percent(abs(change))} {word} random choice'
        parts.append(f'{what} distance is {words}')
    count = int(coverage.counts[-1])
    return (
        f'With {count:,} frame{"s" * (count > 1)}, {parts[0]} and {parts[1]} '
        f'(mean of {len(coverage.seeds)} draws).'
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    step = 10.0 ** math.floor(math.log10((high - low) / count))
    for factor in (1, 2, 5, 10):
        if (high - low) / (factor * step) <= count:
            step *= factor
            break
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [place * step for place in places]


def _chart(
    title: str,
    counts: np.ndarray,
    own: np.ndarray,
    random: np.ndarray,
    budgets: list[int],
) -> str:
    """One chart: (S,) numbers of frames, (S,) and (R, S) distances."""
    keep = np.unique(np.linspace(0, len(counts) - 1, _MOST_POINTS).astype(int))
    keep = np.union1d(keep, np.searchsorted(counts, budgets))
    counts, own, random = counts[keep], own[keep], random[:, keep]
    first, last = float(counts[0]), float(counts[-1])
    if first == last:
        first, last = first - 1, last + 1
    top = 1.05 * max(own.max(), random.max()) or 1.0
    levels = {value: f'{value:,.6g}' for value in ticks(0, top)}
    left = _NAME + _DIGIT * max(map(len, levels.values()))
    across = left + (counts - first) / (last - first) * (WIDTH - left - RIGHT)

    def down(values: np.ndarray | float) -> np.ndarray | float:
        return TOP + (1 - values / top) * (HEIGHT - TOP - BOTTOM)

    band = _points(
        np.concatenate([across, across[::-1]]),
        down(np.concatenate([random.max(axis=0), random.min(axis=0)[::-1]])),
    )
    marks = []
    for budget in budgets:
        place = int(np.searchsorted(counts, budget))
        tip = (
            f'{budget:,} frames: {number(own[place])}; random '
            f'{number(random[:, place].mean())}'
        )
        marks.append(
            f'<circle class="own" cx="{across[place]:.1f}" '
            f'cy="{down(own[place]):.1f}" r="4"><title>{tip}</title></circle>'
        )
    label = (
        f'{title} of the pool to the nearest chosen frame, over the number of chosen '
        'frames; the numbers stand in the table below'
    )
    return (
        f'<figure><svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">'
        f'{_axes(title, left, (first, last), levels, down)}'
        f'{_budget_lines(budgets, across[np.searchsorted(counts, budgets)])}'
        f'<polygon class="band" points="{band}"/>'
        f'<polyline class="random" points="{_points(across, down(random.mean(0)))}"/>'
        f'<polyline class="own" points="{_points(across, down(own))}"/>'
        f'{"".join(marks)}</svg></figure>'
    )


def _axes(
    title: str,
    left: float,
    span: tuple[float, float],
    levels: dict[float, str],
    down: Callable[[float], float],
) -> str:
    """Grid, axes and their labels.

    Args:
        title: Of the vertical axis.
        left: Where that is, pixels.
        span: First and last number of frames.
        levels: Of the grid, and what to call them.
        down: From a distance to pixels.
    """
    first, last = span
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value, text in levels.items():
        y = down(value)
        parts.append(
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
            f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    for value in ticks(first, last, 6):
        if value != int(value):
            continue
        x = left + (value - first) / (last - first) * (right - left)
        parts.append(
            f'<path class="axis" d="M{x:.1f} {bottom}v5"/><text x="{x:.1f}" '
            f'y="{bottom + 19}" text-anchor="middle">{value:,.0f}</text>'
        )
    middle = (TOP + bottom) / 2
    parts.append(
        f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>'
        f'<text class="title" x="{(left + right) / 2}" y="{HEIGHT - 8}" '
        'text-anchor="middle">frames chosen</text>'
        f'<text class="title" transform="translate(14 {middle}) rotate(-90)" '
        f'text-anchor="middle">{title.lower()} (feature units)</text>'
    )
    return ''.join(parts)


def _budget_lines(budgets: list[int], across: np.ndarray) -> str:
    """Dashed lines; labelled from the largest down while there is room."""
    parts, free = [], float('inf')
    for budget, x in zip(budgets[::-1], across[::-1].tolist(), strict=True):
        parts.append(f'<path class="budget" d="M{x:.1f} {TOP - 4}V{HEIGHT - BOTTOM}"/>')
        if free - x >= _LABEL_GAP:
            free = x
            parts.append(
                f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle">'
                f'{budget:,}</text>'
            )
    return ''.join(parts)


def _table(coverage: Coverage, budgets: list[int]) -> str:
    """The numbers at the budgets."""
    rows = []
    for budget in budgets:
        place = budget - int(coverage.counts[0])
        cells = [f'<th scope="row">{budget:,}</th>']
        for own, random in (
            (coverage.mean, coverage.random_mean),
            (coverage.largest, coverage.random_largest),
        ):
            draws = random[:, place]
            cells.append(
                f'<td><b>{number(own[place])}</b></td><td>{number(draws.mean())} '
                f'<small>({number(draws.min())} to {number(draws.max())})</small></td>'
            )
        rows.append(f'<tr>{"".join(cells)}</tr>')
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr>'
        '<th scope="col" rowspan="2">frames</th>'
        '<th scope="colgroup" colspan="2">mean distance</th>'
        '<th scope="colgroup" colspan="2">largest distance</th></tr><tr>'
        + '<th scope="col">this</th><th scope="col">random (range)</th>' * 2
        + f'</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _points(across: np.ndarray, down: np.ndarray) -> str:
    return ' '.join(f'{x:.1f},{y:.1f}' for x, y in zip(across, down, strict=True))
