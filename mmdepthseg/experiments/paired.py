"""Differences of methods, paired by seed, also of those of several tables."""

import statistics
from collections.abc import Mapping, Sequence

from mmdepthseg.utils.errors import UserError, check_keys
from mmdepthseg.utils.files import read_json

#: Figures of a method: `{(metric, number of labels): {seed: value}}`.
Figures = Mapping[tuple[str, int], Mapping[str, float]]


def read_figures(path: str, method: str) -> Figures:
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
        cells = [(c['method'], c['metric'], c['labels'], c) for c in content['summary']]
        known = [cell[0] for cell in cells]
        values = {(m, n): c['values'] for name, m, n, c in cells if name == method}
    except (KeyError, TypeError) as error:
        raise UserError(
            f'{path}: not a results.json of tools/run_experiments.py '
            f'({type(error).__name__}: {error})'
        ) from None
    check_keys([method], known, f'{path}: methods')
    values = {key: by_seed for key, by_seed in values.items() if by_seed}
    if not values:
        raise UserError(f'{path}: {method}: no run is finished')
    return values


def compare(titles: Sequence[str], methods: Sequence[Figures]) -> str:
    """Return Markdown tables of the methods, and their differences to the first.

    A difference is of the seeds that both have; its standard error is the sample
    standard deviation by the root of their number.

    Args:
        titles: Names of the methods, for the rows.
        methods: Their figures; the first is the baseline.

    Raises:
        UserError: No metric and number of labels is common to all.
    """
    common = [key for key in methods[0] if all(key in other for other in methods)]
    if not common:
        raise UserError(
            f'{", ".join(titles)}: no metric and number of labels is common to all'
        )
    return '\n\n'.join(
        f'{metric}, {labels} labels\n\n'
        + _grid(titles, [method[metric, labels] for method in methods])
        for metric, labels in common
    )


def _grid(titles: Sequence[str], rows: Sequence[Mapping[str, float]]) -> str:
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
        gains = [row[s] - rows[0][s] for s in row if s in rows[0]] if place else []
        cells = [
            title,
            *(f'{row[seed]:.1f}' if seed in row else '-' for seed in seeds),
            _spread([*row.values()]),
            _spread(gains, '+'),
            f'{_error(gains):.2f}' if len(gains) > 1 else '-',
        ]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _spread(values: Sequence[float], sign: str = '') -> str:
    if not values:
        return '-'
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):{sign}.1f}{spread} ({len(values)})'


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5
