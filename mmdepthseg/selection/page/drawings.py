"""Coverage over budget and the map of the feature space, drawn by Matplotlib.

The SVG goes into a page that has a style sheet: colours become its variables, marks
get a tip and a link. Names reach it only as text of an element tree. Matplotlib is
imported when something is drawn.
"""

import io
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from mmdepthseg.selection.coverage import Plane
from mmdepthseg.selection.page.picks import Group, Pick, number, percent

#: What Matplotlib draws with, for variables of the style sheet.
_VARIABLES = ('ink', 'soft', 'line', 'dot', 'cross', 'own', 'random', 'band', 'panel')
INK, SOFT, LINE, DOT, CROSS, OWN, RANDOM, BAND, PANEL = _COLORS = [
    f'#0102{place:02x}' for place in range(len(_VARIABLES))
]
_STYLE = {
    'svg.fonttype': 'none', 'font.size': 9, 'figure.dpi': 72, 'legend.frameon': False,
    'text.color': INK, 'axes.edgecolor': SOFT, 'axes.labelcolor': SOFT,
    'xtick.color': SOFT, 'ytick.color': SOFT, 'xtick.labelcolor': INK,
    'ytick.labelcolor': INK, 'grid.color': LINE, 'axes.axisbelow': True,
    'axes.spines.top': False, 'axes.spines.right': False,
}  # fmt: skip
#: Points of a line, at most, and pixels between labels of budgets.
_MOST_POINTS = 300
_LABEL_GAP = 24
#: Picks with a number, at most, and where it may stand: right, left, above, below.
MOST_LABELS = 120
_SIDES = np.array(
    [(1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0)]
)


def draw_chart(
    title: str, counts: np.ndarray, curves: np.ndarray, budgets: Sequence[int]
) -> str:
    """Draw the distance of the pool to the chosen frames, over their number.

    Args:
        title: What is drawn.
        counts: (S,) numbers of frames.
        curves: (1 + R, S) distances, of the selection and of random ones.
        budgets: Ascending; marked, each one of `counts`.

    Returns:
        SVG.
    """
    keep = np.linspace(0, len(counts) - 1, _MOST_POINTS).astype(int)
    keep = np.union1d(keep, np.searchsorted(counts, budgets))
    counts, own, random = counts[keep], curves[0, keep], curves[1:, keep]
    places, mean = np.searchsorted(counts, budgets), random.mean(axis=0)
    with _style(title):
        axes = _axes(4.8, 3.2)
        axes.grid(axis='y')
        low, high = random.min(axis=0), random.max(axis=0)
        band = axes.fill_between(counts, low, high, color=BAND, alpha=0.3, lw=0)
        (dashed,) = axes.plot(counts, mean, '--', color=RANDOM, gid='random')
        (line,) = axes.plot(counts, own, color=OWN, lw=1.8, gid='own')
        axes.scatter(budgets, own[places], 30, OWN, edgecolors=PANEL, gid='marks')
        axes.set(xlabel='frames chosen', ylabel=f'{title.lower()} (feature units)')
        axes.set_ylim(0, 1.05 * max(own.max(), random.max()) or 1.0)
        axes.locator_params('x', integer=True, nbins=6)
        axes.xaxis.set_major_formatter('{x:,.0f}')
        names = ['this selection', f'random: mean and range of {len(random)} draws']
        axes.figure.legend(
            [line, (band, dashed)], names, loc='outside upper left', ncols=2
        )
        axes.figure.draw_without_rendering()
        free = np.inf  # budgets have names while there is room, from the largest down
        for budget in budgets[::-1]:
            axes.axvline(budget, color=SOFT, lw=0.7, ls=':')
            across = axes.transData.transform((budget, 0))[0]
            if free - across >= _LABEL_GAP:
                free, at = across, (budget, axes.get_ylim()[1])
                _write(axes, f'{budget:,}', at, (0, 7), color=SOFT)
        tips = [
            (f'{budget:,} frames: {number(own[p])}; random {number(mean[p])}', None)
            for budget, p in zip(budgets, places, strict=True)
        ]
        label = f'{title} over the number of chosen frames; the numbers are tabled'
        return _to_svg(axes, 'chart', label, {'marks': tips})


def draw_map(
    plane: Plane,
    points: Sequence[np.ndarray],
    picks: Sequence[Pick],
    groups: Sequence[Group],
    names: Sequence[Sequence[str]],
) -> tuple[str, int]:
    """Draw the pool on a plane, and the picks with their numbers.

    Args:
        plane: For the names of the axes.
        points: (R, 2) of the picks, of frames not chosen and of excluded ones.
        picks: The chosen frames.
        groups: Of the picks.
        names: Of the frames not chosen, and of the excluded ones.

    Returns:
        SVG, and how many picks found no room for their number.
    """
    marks, rest, excluded = points
    radius = float(np.clip(60 / np.sqrt(len(picks)), 2.5, 4.5))
    told = dict(
        pool=[(name, None) for name in names[0]],
        excluded=[(f'{name} (excluded)', None) for name in names[1]],
    )
    with _style('map'):
        axes = _axes(
            10, 6.4, aspect='equal', adjustable='datalim', xticks=[], yticks=[]
        )
        first, second = map(percent, plane.share)
        axes.set(xlabel=f'axis 1: {first} of the variance', ylabel=f'axis 2: {second}')
        for place, group in enumerate(groups):
            # The first picks lie on top.
            members = [pick for pick in picks if pick.group is group][::-1]
            told[f'picks {place}'] = [
                (f'{pick.number}: {pick.name} ({group.title})', f'#pick-{pick.number}')
                for pick in members
            ]
            axes.scatter(
                *marks[[pick.number - 1 for pick in members]].T,
                4 * radius**2, group.color, marker='s' if group.initial else 'o',
                edgecolors=PANEL, lw=0.8, zorder=3 - place / len(groups),
                gid=f'picks {place}',
                label=f'{group.title} ({group.first:,}\u2013{group.last:,})',
            )  # fmt: skip
        for kind, where, options in (
            ('pool', rest, dict(c=DOT, lw=0, alpha=0.6, label='not chosen')),
            ('excluded', excluded, dict(c=CROSS, marker='x', label='excluded')),
        ):
            if len(where):
                axes.scatter(*where.T, s=14, gid=kind, **options)
        axes.figure.legend(loc='outside upper left', ncols=5)
        axes.figure.draw_without_rendering()
        axes.figure.set_layout_engine('none')
        texts = [str(pick.number) for pick in picks]
        pixels = axes.transData.transform(marks)
        spots = place_numbers(pixels, texts, radius, axes.bbox.get_points())
        for place, offset in spots.items():
            _write(axes, texts[place], marks[place], offset, weight='bold', gid='label')
        label = 'Map of the feature space; the picks are listed below'
        return _to_svg(axes, 'map', label, told), len(picks) - len(spots)


def place_numbers(
    marks: np.ndarray, texts: Sequence[str], radius: float, bounds: np.ndarray
) -> dict[int, np.ndarray]:
    """Find places where numbers cover neither marks nor each other.

    Args:
        marks: (K, 2) pixels; the first ones choose first.
        texts: The numbers.
        radius: Of a mark, pixels.
        bounds: (2, 2), lower and upper corner of what may be written on.

    Returns:
        From the mark to the middle of its number, for those that have one.
    """
    centers, halves, found = list(marks), [(radius, radius)] * len(marks), {}
    for place, (mark, text) in enumerate(zip(marks, texts, strict=True)):
        half = np.array([3.2 * len(text), 4.5])
        spots = mark + _SIDES * (half + radius)
        free = ((spots - half >= bounds[0]) & (spots + half <= bounds[1])).all(axis=1)
        apart = np.abs(spots[:, None] - centers) - (half + halves) >= -1e-9
        free &= apart.any(axis=2).all(axis=1)
        if free.any() and len(found) < MOST_LABELS:
            centers.append(spots[free.argmax()])
            halves.append(tuple(half))
            found[place] = centers[-1] - mark
    return found


def _style(name: str):
    """Return a context of Matplotlib's defaults and our style; ids go by `name`."""
    import matplotlib.style

    return matplotlib.style.context(['default', {**_STYLE, 'svg.hashsalt': name}])


def _axes(width: float, height: float, **options: object):
    """Return axes on a figure of their own, inches."""
    from matplotlib.figure import Figure

    return Figure((width, height), layout='constrained').subplots(subplot_kw=options)


def _write(axes, text: str, at: Sequence[float], offset: Sequence[float], **options):
    """Write centred text, `offset` pixels from a point."""
    axes.annotate(
        text, at, offset, 'data', 'offset points', ha='center', va='center', **options
    )


def _to_svg(axes, kind: str, label: str, told: dict[str, list[tuple]]) -> str:
    """Return a figure as an element of a page.

    Args:
        axes: The ids of what is drawn become its classes.
        kind: Class of the element.
        label: What it shows, for those who cannot see it.
        told: Tips and links of the marks of a class, in the order drawn.
    """
    out = io.BytesIO()
    metadata = dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
    axes.figure.savefig(out, format='svg', transparent=True, metadata=metadata)
    text = out.getvalue().decode()
    for color, variable in zip(_COLORS, _VARIABLES, strict=True):
        text = text.replace(color, f'var(--{variable})')
    root = ElementTree.fromstring(text.encode())
    for element in list(root.iter()):
        given = {key.rpartition('}')[2]: v for key, v in element.attrib.items()}
        given.pop('clip-path', None)  # nothing is drawn outside
        if element.tag.endswith('}g') and 'id' in given:
            given['class'] = given.pop('id')
        element.tag, element.attrib = element.tag.rpartition('}')[2], given
        for child in [c for c in element if c.tag.endswith(('}style', '}clipPath'))]:
            element.remove(child)
        if marks := told.get(given.get('class')):
            _tell(element[-1], marks)
    root.attrib = dict(viewBox=root.get('viewBox'), role='img')
    root.attrib.update({'class': kind, 'aria-label': label})
    return ElementTree.tostring(root, encoding='unicode')


def _tell(marks: ElementTree.Element, told: Sequence[tuple[str, str | None]]) -> None:
    """Give marks their tips and links, and their style in common."""
    for mark, (tip, link) in zip(list(marks), told, strict=True):
        marks.set('style', mark.attrib.pop('style'))
        ElementTree.SubElement(mark, 'title').text = tip
        if link is not None:
            marks.remove(mark)
            ElementTree.SubElement(marks, 'a', href=link, tabindex='-1').append(mark)
