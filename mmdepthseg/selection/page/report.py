"""A page to look at a selection: one HTML file that needs nothing else.

It shows the chosen frames in order, each beside its nearest among those chosen
before, a map of the feature space, and how well the pool is covered, against random
choice. It holds no date and no path: the same selection gives the same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from mmdepthseg.selection.checks import check_rows
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.page.charts import compare, coverage_section
from mmdepthseg.selection.page.images import make_thumbnail
from mmdepthseg.selection.page.map import map_section
from mmdepthseg.selection.page.page import (
    METHOD_WORDS,
    cards,
    head,
    page,
    record_section,
    section,
)
from mmdepthseg.selection.page.parts import Group, Pick, group_picks
from mmdepthseg.selection.page.space import (
    DRAWS,
    Coverage,
    measure_coverage,
    nearest_before,
)
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

#: Picks with a card and on the map, and with a picture, at most: bounds of the size.
MOST_CARDS = 2000
MOST_IMAGES = 1000


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
        selection: What `selection.json` holds (`files.write_selection`): `order`
            and, where known, `names`, `initial`, `min_distance`, `nearest`,
            `score`, `splits`, `seed`, `options` and `files`.
        features: Of all N frames, as given to `select`, normalised as
            `options['normalize']` says; without them, no map and no coverage.
        names: Of all frames; without them, `selection['names']` for the picks.
        image_paths: Of all frames; without them, no pictures.
        exclude: Rows that could not be picked; marked on the map, and not to be
            covered.
        draws: Random selections to compare with, 1 or more.

    Returns:
        The images that could not be read; their picks are shown without.

    Raises:
        UserError: If the selection has no `order`, or something has another
            number of rows.
        OSError: If the page cannot be written.
    """
    order = _check(selection, features, names, image_paths)
    options = selection.get('options') or {}
    initial = int(selection.get('initial') or 0)
    budgets = sorted(map(int, selection.get('splits') or [len(order)]))
    groups = group_picks(len(order), initial, budgets)
    pool, problem = _open_pool(features, options)
    if pool is not None:
        exclude = check_rows(pool.size, order, exclude, ('order', 'exclude'))[1]
    name = _namer(selection, order, names)
    picks = _picks(selection, order[:MOST_CARDS], groups, name, pool)
    unreadable = _add_thumbnails(picks, image_paths) if image_paths else []
    lead = [_lead(options, selection)]
    parts = [f'<p class="note">{escape(problem)}</p>' if problem else '']
    if pool is not None:
        coverage = measure_coverage(
            pool, order, initial, exclude, selection.get('seed', 0), draws
        )
        lead.append(compare(coverage))
        body = _coverage_note(coverage, selection.get('route'))
        parts.append(section('Coverage', coverage_section(coverage, budgets) + body))
        drawn = map_section(pool, picks, groups, exclude, name)
        parts.append(section('Map', drawn))
    shown = _bounds_note(len(order), len(picks), image_paths is not None, unreadable)
    chosen = shown + cards(picks, image_paths is not None)
    parts.append(section('Chosen frames', chosen))
    parts.append(section('To do it again', record_section(selection)))
    title = f'{len(order):,} frames chosen'
    if pool is not None:
        title = f'{len(order):,} of {pool.size:,} frames chosen'
    facts = _facts(selection, options, budgets, pool, len(exclude))
    text = page(title, [head(title, lead, facts), *parts])
    write_atomically(path, text.encode())
    return unreadable


def _check(
    selection: Mapping,
    features: np.ndarray | None,
    names: Sequence[str] | None,
    image_paths: Sequence[str] | None,
) -> np.ndarray:
    """The order, int64, if everything fits together."""
    if not selection.get('order'):
        raise UserError(
            "selection: no 'order' in it, or an empty one; give what selection.json "
            'holds.'
        )
    order = np.asarray(selection['order'], dtype=np.int64)
    given = {'features': features, 'names': names, 'image_paths': image_paths}
    sizes = {what: len(rows) for what, rows in given.items() if rows is not None}
    if len(set(sizes.values())) > 1:
        raise UserError(
            f'rows differ: {", ".join(f"{k} {n}" for k, n in sizes.items())}; each '
            'must have one per frame.'
        )
    for what, size in sizes.items():
        if order.max() >= size:
            raise UserError(
                f'selection: row {order.max()} was chosen, but {what} have {size} '
                'rows; they are of another pool.'
            )
    for key in ('names', 'min_distance', 'nearest', 'score'):
        values = selection.get(key)
        if values is not None and len(values) != len(order):
            raise UserError(
                f'selection: {len(values)} {key}, but {len(order)} in its order.'
            )
    return order


def _open_pool(
    features: np.ndarray | None, options: Mapping
) -> tuple[FeaturePool | None, str]:
    """The pool, or why there is none.

    Methods that measure no distances take any features; that is no reason to go
    without a page.
    """
    if features is None:
        return None, 'No features were given: no map, and no coverage.'
    try:
        return FeaturePool(features, options.get('normalize', 'auto')), ''
    except ValueError as error:
        return None, f'No map, and no coverage. {error}'


def _namer(
    selection: Mapping, order: np.ndarray, names: Sequence[str] | None
) -> Callable[[int], str]:
    if names is not None:
        return lambda row: names[row]
    known = dict(zip(order.tolist(), selection.get('names') or (), strict=False))
    return lambda row: known.get(row, f'row {row}')


def _picks(
    selection: Mapping,
    order: np.ndarray,
    groups: list[Group],
    name: Callable[[int], str],
    pool: FeaturePool | None,
) -> list[Pick]:
    """The picks that are shown, without pictures.

    Neighbours and distances are the selection's; those of a method that measures none
    are measured here.
    """
    initial = int(selection.get('initial') or 0)
    distances = list(selection.get('min_distance') or [None] * len(order))
    rows = selection.get('nearest') or [None] * len(order)
    place = {row: number for number, row in enumerate(order.tolist(), start=1)}
    nearest = [None if row is None else place[row] for row in rows[: len(order)]]
    if pool is not None and not any(nearest):
        places, found = nearest_before(pool, order)
        for index in range(max(1, initial), len(order)):
            nearest[index] = int(places[index]) + 1
            distances[index] = float(found[index])
    scores = selection.get('score') or [None] * len(order)
    return [
        Pick(
            number=index + 1,
            row=row,
            name=name(row),
            group=next(group for group in groups if index < group.last),
            distance=distances[index],
            nearest=nearest[index],
            score=scores[index],
        )
        for index, row in enumerate(order.tolist())
    ]


def _add_thumbnails(picks: list[Pick], image_paths: Sequence[str]) -> list[str]:
    """Returns the images that cannot be read."""
    unreadable = []
    for pick in picks[:MOST_IMAGES]:
        path = image_paths[pick.row]
        pick.thumbnail = make_thumbnail(path)
        if pick.thumbnail is None:
            unreadable.append(str(path))
    return unreadable


def _lead(options: Mapping, selection: Mapping) -> str:
    method = options.get('method')
    words = METHOD_WORDS.get(method, 'as selection.json tells')
    text = f'Chosen {words}.'
    if selection.get('stopped_by_min_distance'):
        text += (
            ' It ended early: no other frame is at least '
            f'{options.get("min_distance")} from all of them.'
        )
    return text


def _facts(
    selection: Mapping,
    options: Mapping,
    budgets: list[int],
    pool: FeaturePool | None,
    excluded: int,
) -> dict[str, str]:
    """What to know first; entries that do not apply are left out."""
    facts = {
        'method': options.get('method'),
        'seed': selection.get('seed'),
        'budgets': ', '.join(f'{budget:,}' for budget in budgets),
        'labelled before': selection.get('initial') or None,
        'excluded': f'{excluded:,}' if excluded else None,
        'weight of scores': options.get('bias')
        if options.get('method') == 'ds_us'
        else None,
        'only among the best': options.get('preselect')
        and f'{options["preselect"]:g} x new frames',
        'least distance': options.get('min_distance') or None,
        'distance': 'patch-wise' if selection.get('route') == 'patch' else None,
    }
    if pool is not None:
        facts['features'] = ' x '.join(map(str, pool.image_shape or (pool.dims,)))
        facts['normalised by'] = pool.normalize
    return {key: str(value) for key, value in facts.items() if value is not None}


def _coverage_note(coverage: Coverage, route: str | None) -> str:
    words = [
        'Distance of each frame to the nearest chosen one. Farthest point works on '
        'the largest; random choice follows where frames are dense, which favours the '
        f'mean. Random seeds: {", ".join(map(str, coverage.seeds))}.'
    ]
    if coverage.frames < coverage.pool:
        words.append(
            f'Measured on {coverage.frames:,} of {coverage.pool:,} frames, a random '
            'sample: the largest of all may be larger.'
        )
    if route == 'patch':
        words.append(
            'The picks were made by patch distance; here and on the map, distances '
            'are between whole feature vectors.'
        )
    return f'<p class="note">{" ".join(words)}</p>'


def _bounds_note(
    chosen: int, shown: int, with_images: bool, unreadable: list[str]
) -> str:
    """What this page leaves out of the list of picks."""
    words = []
    if shown < chosen:
        words.append(
            f'The first {shown:,} of {chosen:,} picks are shown here and on the map; '
            'all are in selection.json.'
        )
    if with_images and shown > MOST_IMAGES:
        words.append(f'The first {MOST_IMAGES:,} have pictures.')
    if unreadable:
        count = len(unreadable)
        words.append(f'{count:,} image{"s" * (count > 1)} could not be read.')
    return f'<p class="note">{" ".join(words)}</p>' if words else ''
