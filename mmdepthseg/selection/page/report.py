"""The page of a selection: one HTML file that needs nothing else.

It shows the chosen frames in order, each beside the nearest of those chosen before, a
map of the feature space, and how well the pool is covered, compared with random choice.
It contains no script, date or path: the same selection gives the same bytes. Its text
is in `template.html`, which escapes everything it is given.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmdepthseg.selection import coverage as cover
from mmdepthseg.selection.checks import Rows, check_rows, check_selection
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.page import drawings
from mmdepthseg.selection.page.picks import (
    Pick,
    list_picks,
    make_thumbnail,
    number,
    percent,
)
from mmdepthseg.utils.errors import require_extra
from mmdepthseg.utils.files import write_atomically
from mmdepthseg.version import __version__

#: Largest numbers of picks with a card and a mark, and with a picture.
MOST_CARDS, MOST_IMAGES = 2000, 1000
#: Largest numbers of other frames on the map: not chosen, and excluded.
POOL_FRAMES, EXCLUDED_FRAMES = 3000, 500


def check_page() -> None:
    """Raise a `UserError` if a package that the page needs is not installed."""
    packages = ('jinja2', 'matplotlib')
    require_extra('selection.html', 'page', packages, ', or give --no-page')


def write_report(
    path: str | Path,
    selection: Mapping,
    features: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    image_paths: Sequence[str] | None = None,
    *,
    exclude: Rows = (),
    draws: int = cover.DRAWS,
) -> list[str]:
    """Write the page of a selection.

    Args:
        path: The HTML file.
        selection: Content of `selection.json`; only its `order` is required.
        features: Of all N frames, as given to `select`, normalised as
            `options['normalize']` says; without them, no map and no coverage.
        names: Of all frames; without them, `selection['names']` for the picks.
        image_paths: Of all frames; without them, no pictures.
        exclude: Rows that could not be picked and need not be covered.
        draws: Number of random selections to compare with, 1 or more.

    Returns:
        The images that could not be read; their picks are shown without one.

    Raises:
        ValueError: Without an `order`, or if something has another number of rows.
    """
    order = check_selection(selection, features, names, image_paths)
    options, initial = selection.get('options') or {}, selection.get('initial') or 0
    budgets = sorted(map(int, selection.get('splits') or [len(order)]))
    excluded = np.asarray(exclude, dtype=np.int64)
    pool, problem = None, 'No features were given: no map, and no coverage.'
    if features is not None:
        try:
            pool = FeaturePool(features, options.get('normalize', 'auto'))
        except ValueError as error:  # the method may not need them
            problem = f'No map, and no coverage. {error}'
    known = zip(order.tolist(), selection.get('names') or (), strict=False)
    by_row = dict(known if names is None else enumerate(names))
    picks = list_picks(selection, order[:MOST_CARDS], budgets, by_row, pool)
    unreadable = []
    if image_paths is not None:
        for pick in picks[:MOST_IMAGES]:
            pick.thumbnail = make_thumbnail(image_paths[pick.row])
            unreadable += [] if pick.thumbnail else [str(image_paths[pick.row])]
    shown: dict[str, object] = dict(problem=problem)
    if pool is not None:
        excluded = check_rows(pool.size, order, exclude, ('order', 'exclude'))[1]
        given = initial, excluded, selection.get('seed', 0), draws
        curves = cover.measure_coverage(pool, order, *given)
        shown = _cover(curves, budgets) | _map(pool, picks, excluded, by_row)
    text = _template().render(
        selection=selection,
        options=options,
        budgets=budgets,
        pool=pool,
        picks=picks,
        excluded=len(excluded),
        chosen=len(order),
        unreadable=len(unreadable),
        with_images=image_paths is not None,
        most_images=MOST_IMAGES,
        versions=f'mmdepthseg {__version__}, numpy {np.__version__}',
        **shown,
    )
    write_atomically(path, text.encode())
    return unreadable


def _template():
    """Return the page's template, which escapes everything it is given."""
    from jinja2 import Environment, FileSystemLoader

    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, trim_blocks=True)
    filters = dict(number=number, percent=percent, count='{:,}'.format)
    environment.filters.update(filters)
    return environment.get_template('template.html')


def _cover(coverage: cover.Coverage, budgets: list[int]) -> dict[str, object]:
    """Return the charts and the table of coverage for the template."""
    first, last = coverage.counts[[0, -1]].tolist()
    budgets = sorted({min(b, last) for b in [*budgets, last]} - {*range(first)})
    kinds = {'Mean distance': coverage.mean, 'Largest distance': coverage.largest}
    table = []
    for budget in budgets:
        at = [curves[:, budget - first] for curves in kinds.values()]
        cells = [(a[0], a[1:].mean(), a[1:].min(), a[1:].max()) for a in at]
        table.append((budget, cells))
    charts = [
        drawings.draw_chart(title, coverage.counts, curves, budgets)
        for title, curves in kinds.items()
    ]
    return dict(coverage=coverage, charts=charts, table=table)


def _map(
    pool: FeaturePool,
    picks: list[Pick],
    exclude: np.ndarray,
    names: Mapping[int, str],
) -> dict[str, object]:
    """Place the picks on the map; return its other contents for the template."""
    plane = cover.fit_plane(pool)
    chosen = np.array([pick.row for pick in picks])
    rest = np.setdiff1d(np.arange(pool.size), np.concatenate([chosen, exclude]))
    limits = POOL_FRAMES, EXCLUDED_FRAMES
    rows = [chosen, *map(cover.thin_out, (rest, exclude), limits)]
    marks, *spots = drawings.to_pixels([plane.project(pool, part) for part in rows])
    radius = float(np.clip(60 / np.sqrt(len(picks)), 2.5, 4.5))
    labels = drawings.place_numbers(marks, [str(p.number) for p in picks], radius)
    for place, pick in enumerate(picks):
        pick.mark, pick.label = marks[place], labels.get(place)
    others = {
        kind: [(*at, names.get(row, f'row {row}')) for at, row in zip(*drawn)]
        for kind, *drawn in zip(('pool', 'excluded'), spots, rows[1:], strict=True)
    }
    return dict(
        plane=plane,
        size=drawings.MAP,
        radius=radius,
        rest=len(rest),
        others=others,
        unnumbered=len(picks) - len(labels),
    )
