"""Differences of methods seed by seed; the methods may be from different tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmdepthseg.experiments.figures import label_count, spread, spread_text
from mmdepthseg.utils.errors import UserError, check_keys, listed
from mmdepthseg.utils.files import read_json


@dataclass(frozen=True)
class Cell:
    """One figure of a method with some number of labels, of each seed."""

    metric: str
    labels: int
    values: Mapping[str, float]
    decimals: int = 1


def read_method(path: str, method: str) -> list[Cell]:
    """Read a method's figures from the `results.json` of a table.

    Args:
        path: The file.
        method: Name of the method in that table.

    Raises:
        UserError: The file is not such a file, or has no finished run of the method.
        OSError: The file is missing or cannot be read.
    """
    content = read_json(path, dict, finite=True)
    try:
        found = [
            (
                one['method'],
                Cell(
                    one['metric'],
                    one['labels'],
                    _numbers(one['values']),
                    # not in files from before there were other figures than per cent
                    int(one.get('decimals', 1)),
                ),
            )
            for one in content['summary']
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{path}: not a results.json of tools/run_experiments.py '
            f'({type(error).__name__}: {error})'
        ) from None
    check_keys([method], dict.fromkeys(name for name, _ in found), f'{path}: methods')
    cells = [cell for name, cell in found if name == method and cell.values]
    if not cells:
        raise UserError(f'{path}: {method}: no run is finished')
    return cells


def joined(runs: Mapping[str, Sequence[Cell]]) -> list[Cell]:
    """Return the figures of a method whose seeds are in several files.

    Args:
        runs: Figures of the method by file, see `read_method`.

    Raises:
        UserError: Two files have the same seed, or one lacks a figure of the others.
    """
    cells: dict[tuple[str, int], Cell] = {}
    for path, found in runs.items():
        if cells and {(c.metric, c.labels) for c in found} != {*cells}:
            raise UserError(f'{path}: has other figures than {", ".join(runs)}')
        for cell in found:
            key = cell.metric, cell.labels
            before = cells[key].values if key in cells else {}
            if twice := before.keys() & cell.values.keys():
                raise UserError(
                    f'{path}: {listed(sorted(twice))}: seeds that are there'
                )
            cells[key] = replace(cell, values={**before, **cell.values})
    return [*cells.values()]


def compare(titles: Sequence[str], methods: Sequence[Sequence[Cell]]) -> str:
    """Return Markdown tables of the methods, and their differences to the first.

    A difference is of the seeds that both have; its standard error is the sample
    standard deviation divided by the square root of their number.

    Args:
        titles: Names of the methods, for the rows.
        methods: Their figures; the first is the baseline.

    Raises:
        UserError: No metric and number of labels is common to all.
    """
    tables = []
    for first in methods[0]:
        same = [[cell for cell in cells if _same(cell, first)] for cells in methods]
        if all(same):
            grid = _grid(titles, [cells[0].values for cells in same], first.decimals)
            tables.append(f'{first.metric}, {label_count(first.labels)}\n\n{grid}')
    if not tables:
        raise UserError(
            f'{", ".join(titles)}: no metric and number of labels is common to all'
        )
    return '\n\n'.join(tables)


def _numbers(values: Mapping) -> dict[str, float]:
    return {seed: float(value) for seed, value in values.items()}


def _same(one: Cell, other: Cell) -> bool:
    return (one.metric, one.labels) == (other.metric, other.labels)


def _grid(
    titles: Sequence[str], rows: Sequence[Mapping[str, float]], decimals: int
) -> str:
    seeds = list(dict.fromkeys(seed for row in rows for seed in row))
    heads = [
        'method',
        *(f'seed {seed}' for seed in seeds),
        'mean ± standard deviation',
        'difference, same seed',
        'standard error',
    ]
    lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
    for place, (title, row) in enumerate(zip(titles, rows, strict=True)):
        own, common = spread(row), row.keys() & rows[0].keys() if place else ()
        gains = spread({seed: row[seed] - rows[0][seed] for seed in common})
        error = gains['std'] and gains['std'] / gains['n'] ** 0.5
        cells = [
            title,
            *(f'{row[seed]:.{decimals}f}' if seed in row else '-' for seed in seeds),
            spread_text(own['mean'], own['std'], own['n'], '', decimals),
            spread_text(gains['mean'], gains['std'], gains['n'], '+', decimals),
            '-' if error is None else f'{error:.{decimals + 1}f}',
        ]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
