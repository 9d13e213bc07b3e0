"""Drawings of the page: curves of coverage, and places on the map.

Matplotlib draws the curves, and the colours of its SVG become variables of the style
sheet. The map has no ticks, only marks with tips and links: the template draws it.
"""

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Matplotlib's default colours (black, grid, C0, C7, white) -> variables of the style
#: sheet. Black text has no colour of its own.
_VARIABLES = {
    '#000000': 'soft', '#b0b0b0': 'line', '#1f77b4': 'own', '#7f7f7f': 'random',
    '#ffffff': 'panel',
}  # fmt: skip
_STYLE = {
    'svg.fonttype': 'none', 'font.size': 9, 'figure.dpi': 72, 'legend.frameon': False,
    'axes.axisbelow': True, 'axes.spines.top': False, 'axes.spines.right': False,
}  # fmt: skip
#: Parts of Matplotlib's SVG to remove before it is embedded in a page.
_NOT_FOR_PAGES = (
    r' xmlns(:\w+)?="[^"]*"| clip-path="[^"]*"|<(style|clipPath|metadata).*?</\2>'
)
#: Largest numbers of points of a line and of labelled budgets.
_MOST_POINTS, _MOST_BUDGETS = 300, 12
#: Size of the map and its margin, pixels.
MAP, _MARGIN = np.array((960, 600)), 20
#: Largest number of picks with a number, and where it may be: above, below, beside.
MOST_LABELS = 120
_SIDES = np.array(
    [(1, -1), (-1, -1), (1, 1), (-1, 1), (0, -1), (0, 1), (1, 0), (-1, 0)]
)


def draw_chart(
    title: str, counts: np.ndarray, curves: np.ndarray, budgets: Sequence[int]
) -> str:
    """Draw the distance of the pool to the chosen frames, by their number.

    Args:
        title: Name of the distance.
        counts: (S,) numbers of frames.
        curves: (1 + R, S) distances of the selection and of random ones.
        budgets: Numbers of frames to mark, ascending, all in `counts`.

    Returns:
        SVG.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    keep = np.linspace(0, len(counts) - 1, _MOST_POINTS).astype(int)
    keep = np.union1d(keep, np.searchsorted(counts, budgets))
    counts, own, random = counts[keep], curves[0, keep], curves[1:, keep]
    with matplotlib.style.context(['default', _STYLE, {'svg.hashsalt': title}]):
        figure = Figure((4.8, 3.2), layout='constrained')
        axes = figure.subplots()
        axes.grid(axis='y')
        low, high = random.min(axis=0), random.max(axis=0)
        band = axes.fill_between(counts, low, high, color='C7', alpha=0.25, lw=0)
        (mean,) = axes.plot(counts, random.mean(axis=0), '--', color='C7')
        (line,) = axes.plot(counts, own, color='C0', lw=1.8, gid='own')
        marks = own[np.searchsorted(counts, budgets)]
        axes.scatter(budgets, marks, 30, 'C0', edgecolors='w', gid='marks')
        axes.set(xlabel='frames chosen', ylabel=f'{title.lower()} (feature units)')
        axes.set_ylim(0, 1.05 * max(own.max(), random.max()) or 1.0)
        axes.locator_params('x', integer=True, nbins=6)
        axes.xaxis.set_major_formatter('{x:,.0f}')
        # Typed as one artist each; a tuple is drawn as one key.
        keys: Any = [line, (band, mean)]
        names = ['this selection', f'random: mean and range of {len(random)} draws']
        figure.legend(keys, names, loc='outside upper left', ncols=2)
        top: dict[str, Any] = dict(transform=axes.get_xaxis_transform(), color='k')
        axes.vlines(budgets, 0, 1, linestyles=':', lw=0.7, **top)
        free = np.inf  # labels from the largest budget down, as room allows
        for budget in budgets[::-1]:
            if free - budget >= (counts[-1] - counts[0]) / _MOST_BUDGETS:
                free = budget
                axes.text(budget, 1.02, f'{budget:,}', ha='center', **top)
        out = io.StringIO()
        figure.savefig(out, format='svg', transparent=True)
    label = f'{title} over the number of chosen frames; the table has the numbers'
    text = re.sub(_NOT_FOR_PAGES, '', out.getvalue(), flags=re.DOTALL)
    text = text.replace('xlink:href', 'href').replace(
        '<g id=', '<g class='
    )  # ids repeat
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f'var(--{variable})')
    _, box, rest = re.split(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', text)
    return f'<svg class="chart" role="img" viewBox="{box}" aria-label="{label}">{rest}'


def to_pixels(points: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Map points (R, 2) to pixels: one scale for both axes, the second one upwards."""
    everything = np.concatenate(points)
    low, high = everything.min(axis=0), everything.max(axis=0)
    span = np.where(high > low, high - low, np.inf)
    scale = ((MAP - 2 * _MARGIN) / span).min() * np.array([1, -1])
    return [(MAP / 2 + (part - (low + high) / 2) * scale).round(2) for part in points]


def place_numbers(
    marks: np.ndarray, texts: Sequence[str], radius: float
) -> dict[int, np.ndarray]:
    """Find places for numbers where they cover neither marks nor each other.

    Args:
        marks: (K, 2) pixels, the most important first.
        texts: The numbers.
        radius: Of a mark, pixels.

    Returns:
        `{index of the mark: centre of its number}`, of marks with room for one.
    """
    centers, halves = list(marks), [np.array((radius, radius))] * len(marks)
    found: dict[int, np.ndarray] = {}
    for place, (mark, text) in enumerate(zip(marks, texts, strict=True)):
        half = np.array([3.2 * len(text), 4.5])
        spots = mark + _SIDES * (half + radius)
        free = ((spots >= half) & (spots <= MAP - half)).all(axis=1)
        apart = np.abs(spots[:, None] - centers) - (half + halves) >= -1e-9
        free &= apart.any(axis=2).all(axis=1)
        if free.any() and len(found) < MOST_LABELS:
            found[place] = spots[free.argmax()]
            centers.append(found[place])
            halves.append(half)
    return found
