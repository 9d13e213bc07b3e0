"""A page to look at a selection: one HTML file that needs nothing else.

It shows the chosen frames in order, each beside its nearest among those chosen
before, a map of the feature space, and how well the pool is covered, against random
choice. It holds no script, date or path: the same selection gives the same bytes.
What it says stands in `template.html`, which escapes all it is given.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from mmdepthseg.selection.checks import check_rows, check_selection
from mmdepthseg.selection.coverage import (
    DRAWS,
    Coverage,
    fit_plane,
    measure_coverage,
    thin_out,
)
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.page.drawings import draw_chart, draw_map
from mmdepthseg.selection.page.images import make_thumbnail
from mmdepthseg.selection.page.picks import (
    Group,
    Pick,
    group_picks,
    list_picks,
    name_of,
    number,
    percent,
)
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically
from mmdepthseg.version import __version__

#: Picks with a card and on the map, and with a picture, at most: bounds of the size.
MOST_CARDS = 2000
MOST_IMAGES = 1000
#: Frames drawn at most: neither chosen nor excluded, and excluded.
POOL_FRAMES, EXCLUDED_FRAMES = 3000, 500
_NEEDED = ('jinja2', 'matplotlib')


def check_page() -> None:
    """Raise a `UserError` if what the page is made with is not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f'selection.html is made with {" and ".join(missing)}, not installed '
            'here: `pip install -e .[page]`, or give --no-page'
        )


def write_report(
    path: str | Path,
    selection: Mapping,
    features: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    image_paths: Sequence[str] | None = None,
    *,
    exclude: Sequence[int] = (),
    draws: int = DRAWS,
) -> list[str]:
    """Write the page of a selection.

    Args:
        path: The HTML file.
        selection: What `selection.json` holds; only its `order` has to be known.
        features: Of all N frames, as given to `select`, normalised as
            `options['normalize']` says; without them, no map and no coverage.
        names: Of all frames; without them, `selection['names']` for the picks.
        image_paths: Of all frames; without them, no pictures.
        exclude: Rows that could not be picked: not to be covered either.
        draws: Random selections to compare with, 1 or more.

    Returns:
        The images that could not be read; their picks are shown without.

    Raises:
        ValueError: Without an `order`, or if something has another number of rows.
    """
    order = check_selection(selection, features, names, image_paths)
    options = selection.get('options') or {}
    initial = int(selection.get('initial') or 0)
    budgets = sorted(map(int, selection.get('splits') or [len(order)]))
    groups = group_picks(len(order), initial, budgets)
    pool, problem = _open_pool(features, options)
    if pool is not None:
        exclude = check_rows(pool.size, order, exclude, ('order', 'exclude'))[1]
    known = zip(order.tolist(), selection.get('names') or (), strict=False)
    names = dict(known if names is None else enumerate(names))
    picks = list_picks(selection, order[:MOST_CARDS], groups, names, pool)
    pictured = picks[:MOST_IMAGES] if image_paths else []
    for pick in pictured:
        pick.thumbnail = make_thumbnail(image_paths[pick.row])
    unreadable = [image_paths[p.row] for p in pictured if p.thumbnail is None]
    shown = {}
    if pool is not None:
        seed = selection.get('seed', 0)
        coverage = measure_coverage(pool, order, initial, exclude, seed, draws)
        shown = _coverage(coverage, budgets)
        shown.update(_map(pool, picks, groups, exclude, names))
    text = _template().render(
        selection=selection, options=options, budgets=budgets, pool=pool,
        problem=problem, excluded=len(exclude), chosen=len(order), picks=picks,
        with_images=image_paths is not None, most_images=MOST_IMAGES,
        unreadable=len(unreadable), longest=max(p.distance or 0 for p in picks) or 1.0,
        files={role: (PurePath(file['path']).name, file['sha256'])
               for role, file in (selection.get('files') or {}).items()},
        versions=f'mmdepthseg {__version__}, numpy {np.__version__}', **shown,
    )  # fmt: skip
    write_atomically(path, text.encode())
    return list(map(str, unreadable))


def _template():
    """Return the page's template; all that it is given is escaped."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, count='{:,}'.format)
    return environment.get_template('template.html')


def _open_pool(
    features: np.ndarray | None, options: Mapping
) -> tuple[FeaturePool | None, str]:
    """Return the pool, or why there is none.

    Methods that measure no distances take any features; that is no reason to go
    without a page.
    """
    if features is None:
        return None, 'No features were given: no map, and no coverage.'
    try:
        return FeaturePool(features, options.get('normalize', 'auto')), ''
    except ValueError as error:
        return None, f'No map, and no coverage. {error}'


def _coverage(coverage: Coverage, budgets: list[int]) -> dict:
    """Return charts and table of coverage, for the template."""
    from markupsafe import Markup

    first, last = coverage.counts[[0, -1]].tolist()
    budgets = sorted({min(budget, last) for budget in budgets} | {last})
    budgets = [budget for budget in budgets if budget >= first]
    kinds = {'Mean distance': coverage.mean, 'Largest distance': coverage.largest}
    table = []
    for budget in budgets:
        at = [curves[:, budget - first] for curves in kinds.values()]
        cells = [(a[0], a[1:].mean(), a[1:].min(), a[1:].max()) for a in at]
        table.append((budget, cells))
    charts = [
        Markup(draw_chart(title, coverage.counts, curves, budgets))
        for title, curves in kinds.items()
    ]
    return dict(coverage=coverage, charts=charts, table=table)


def _map(
    pool: FeaturePool,
    picks: list[Pick],
    groups: list[Group],
    exclude: np.ndarray,
    names: Mapping[int, str],
) -> dict:
    """Return the map and what to bear in mind, for the template."""
    from markupsafe import Markup

    plane = fit_plane(pool)
    chosen = np.array([pick.row for pick in picks])
    rest = np.setdiff1d(np.arange(pool.size), np.concatenate([chosen, exclude]))
    drawn = thin_out(rest, POOL_FRAMES), thin_out(exclude, EXCLUDED_FRAMES)
    points = [plane.project(pool, rows) for rows in (chosen, *drawn)]
    tips = [[name_of(names, row) for row in rows.tolist()] for rows in drawn]
    svg, unnumbered = draw_map(plane, points, picks, groups, tips)
    return dict(
        map=Markup(svg), plane=plane, unnumbered=unnumbered, rest=len(rest),
        rest_drawn=len(drawn[0]), excluded_drawn=len(drawn[1]),
    )  # fmt: skip
