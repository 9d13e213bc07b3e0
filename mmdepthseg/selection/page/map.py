"""The map of the feature space, as inline SVG: the pool, and the picks numbered."""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.page.parts import Group, Pick, percent
from mmdepthseg.selection.page.space import Plane, fit_plane, thin_out

WIDTH = 760
MARGIN = 34
_LEAST_HEIGHT, _MOST_HEIGHT = 300, 620
#: Frames drawn at most: neither chosen nor excluded, and excluded.
POOL_FRAMES, EXCLUDED_FRAMES = 3000, 500
#: Picks with a number, at most; where its middle may be, pixels from the mark; its
#: size, and the radii of marks, by how many there are, of picks and of the others.
MOST_LABELS = 120
_OFFSETS = [
    (dx * reach, dy * reach)
    for reach in (1.0, 1.5)
    for dx, dy in (
        (10, -11), (-10, -11), (10, 11), (-10, 11),
        (0, -12), (0, 12), (14, 0), (-14, 0),
    )
]  # fmt: skip
_DIGIT, _LINE = 8.5, 13.0
_AXIS_NAME = 22
_MARKS = {200: 4.5, 600: 4.0, 2000: 3.4}
_DOTS = {500: 2.5, 3500: 1.8}


def map_section(
    pool: FeaturePool,
    picks: list[Pick],
    groups: list[Group],
    exclude: np.ndarray,
    name: Callable[[int], str],
) -> str:
    """The map, its legend and what to bear in mind.

    Args:
        pool: All frames.
        picks: The chosen ones that are shown.
        groups: Of the picks.
        exclude: Rows that could not be picked.
        name: Of a row.

    Returns:
        HTML.
    """
    plane = fit_plane(pool)
    chosen = np.array([pick.row for pick in picks])
    rest = np.setdiff1d(np.arange(pool.size), np.concatenate([chosen, exclude]))
    rest_shown = thin_out(rest, POOL_FRAMES)
    excluded_shown = thin_out(exclude, EXCLUDED_FRAMES)
    rows = np.concatenate([rest_shown, excluded_shown, chosen])
    points, height = _place(plane.project(pool, rows))
    others, marks = points[: -len(picks)], points[-len(picks) :]
    labels, unlabelled = _labels(marks, [pick.number for pick in picks], height)
    radius = _radius(_DOTS, len(rest_shown))
    dots = ''.join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(name(row))}'
        '</title></circle>'
        for (x, y), row in zip(others, rest_shown.tolist(), strict=False)
    )
    crosses = ''.join(
        f'<path d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"><title>'
        f'{escape(name(row))} (excluded)</title></path>'
        for (x, y), row in zip(
            others[len(rest_shown) :], excluded_shown.tolist(), strict=True
        )
    )
    legend = _legend(groups, bool(len(rest)), bool(len(exclude)))
    return (
        f'{legend}<div class="scroll" tabindex="0"><svg class="map" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Map of the feature space; the picks are listed below">'
        f'{_frame(plane, height)}<g class="pool">{dots}</g>'
        f'<g class="excluded">{crosses}</g>'
        f'<g class="picks">{_marks(picks, marks)}</g><g class="labels">{labels}</g>'
        f'</svg></div>{_caption(plane, pool, rest, rest_shown, unlabelled)}'
        + _excluded_note(exclude, excluded_shown)
    )


def _place(points: np.ndarray) -> tuple[np.ndarray, int]:
    """Feature units to pixels, both axes on one scale: (R, 2), and the height."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = high - low
    scale = (WIDTH - 2 * MARGIN) / (span[0] or 1.0)
    if span[1] * scale > _MOST_HEIGHT - 2 * MARGIN:
        scale = (_MOST_HEIGHT - 2 * MARGIN) / span[1]
    height = int(np.ceil(max(_LEAST_HEIGHT, span[1] * scale + 2 * MARGIN)))
    centered = (points - (low + high) / 2) * scale
    return centered * (1, -1) + (WIDTH / 2, height / 2), height


def _labels(marks: np.ndarray, numbers: Sequence[int], height: int) -> tuple[str, int]:
    """Numbers beside their marks, where they cover no other mark or number.

    Returns:
        SVG, and how many found no room.
    """
    parts, missing = [], 0
    centers = np.empty((len(marks), 2))
    sizes = np.empty((len(marks), 2))
    placed = 0
    radius = _radius(_MARKS, len(marks))
    for mark, text in zip(marks, map(str, numbers), strict=True):
        size = np.array([_DIGIT * len(text) + 3, _LINE])
        # The wider the number, the farther its middle.
        spots = mark + np.array(_OFFSETS) * (1 + 0.3 * (len(text) - 1), 1)
        # Names of the axes stand on the left and below.
        free = (spots - size / 2 >= (_AXIS_NAME, 2)).all(axis=1)
        free &= (spots + size / 2 <= (WIDTH - 2, height - _AXIS_NAME)).all(axis=1)
        free &= ~_overlap(spots, size, marks, np.full(2, 2 * radius))
        free &= ~_overlap(spots, size, centers[:placed], sizes[:placed])
        if placed == MOST_LABELS or not free.any():
            missing += 1
            continue
        centers[placed], sizes[placed] = spots[free.argmax()], size
        x, y = centers[placed]
        placed += 1
        parts.append(f'<text x="{x:.1f}" y="{y + 4:.1f}">{text}</text>')
    return ''.join(parts), missing


def _radius(radii: dict[int, float], count: int) -> float:
    """Pixels, of each of `count` marks: many are drawn smaller."""
    return next((r for most, r in radii.items() if count <= most), min(radii.values()))


def _overlap(
    spots: np.ndarray, size: np.ndarray, centers: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """(S,) bool: whether a box about each spot meets any of the boxes."""
    apart = np.abs(spots[:, None] - centers)
    return (apart < (size + sizes) / 2).all(axis=2).any(axis=1)


def _marks(picks: list[Pick], points: np.ndarray) -> str:
    """A disc per pick, a square per given frame; each leads to its card."""
    parts, radius = [], _radius(_MARKS, len(picks))
    # The first ones lie on top.
    for pick, (x, y) in zip(picks[::-1], points[::-1], strict=True):
        color = pick.group.color
        if pick.group.initial:
            r = radius - 0.5
            shape = (
                f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" '
                f'height="{2 * r}" fill="{color}"'
            )
            end = '</rect>'
        else:
            shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"'
            end = '</circle>'
        tip = f'{pick.number}: {escape(pick.name)} ({pick.group.title})'
        parts.append(
            f'<a href="#pick-{pick.number}" tabindex="-1">{shape}>'
            f'<title>{tip}</title>{end}</a>'
        )
    return ''.join(parts)


def _frame(plane: Plane, height: int) -> str:
    """Border and names of the axes."""
    first, second = (percent(share) for share in plane.share)
    return (
        f'<rect class="frame" x=".5" y=".5" width="{WIDTH - 1}" '
        f'height="{height - 1}" rx="6"/>'
        f'<text class="title" x="{WIDTH - 10}" y="{height - 9}" text-anchor="end">'
        f'axis 1: {first} of the variance</text>'
        f'<text class="title" transform="translate(17 {height - 10}) rotate(-90)">'
        f'axis 2: {second}</text>'
    )


def _legend(groups: list[Group], rest: bool, excluded: bool) -> str:
    def item(mark: str, text: str, group: str = '') -> str:
        return (
            f'<li><svg viewBox="0 0 12 12" aria-hidden="true"{group}>{mark}</svg>'
            f'{text}</li>'
        )

    items = []
    for group in groups:
        shape = (
            f'<rect x="2" y="2" width="8" height="8" fill="{group.color}"/>'
            if group.initial
            else f'<circle cx="6" cy="6" r="4.5" fill="{group.color}"/>'
        )
        span = f'{group.first:,}'
        if group.last > group.first:
            span += f'\u2013{group.last:,}'
        items.append(item(shape, f'{group.title} ({span})'))
    if rest:
        dot = '<circle cx="6" cy="6" r="2.5"/>'
        items.append(item(dot, 'not chosen', ' class="pool"'))
    if excluded:
        cross = '<path d="M3 3l6 6m0-6l-6 6"/>'
        items.append(item(cross, 'excluded', ' class="excluded"'))
    return f'<ul class="legend">{"".join(items)}</ul>'


def _caption(
    plane: Plane,
    pool: FeaturePool,
    rest: np.ndarray,
    shown: np.ndarray,
    unlabelled: int,
) -> str:
    """What is drawn, and how far it can be trusted."""
    words = [
        'Principal components of the normalised features, both axes on one scale. '
        f'They explain {percent(plane.share.sum())} of the variance together: frames '
        'that lie close here can still differ in what is not shown.'
    ]
    if plane.frames < pool.size:
        words.append(
            f'The axes were fitted to {plane.frames:,} of {pool.size:,} frames, drawn '
            'at random.'
        )
    if len(shown) < len(rest):
        words.append(
            f'{len(shown):,} of the {len(rest):,} frames not chosen are drawn, a '
            'random sample.'
        )
    if unlabelled:
        words.append(
            f'{unlabelled:,} picks have no number for lack of room; point at them to '
            'read it.'
        )
    return f'<p class="note">{" ".join(words)}</p>'


def _excluded_note(exclude: np.ndarray, shown: np.ndarray) -> str:
    if len(shown) == len(exclude):
        return ''
    return (
        f'<p class="note">{len(shown):,} of the {len(exclude):,} excluded frames are '
        'drawn, a random sample.</p>'
    )
