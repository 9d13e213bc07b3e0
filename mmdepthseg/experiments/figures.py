"""The figures of a table's runs: read, from this and earlier calls, and summarized."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from mmdepthseg.experiments.stage import DONE, FAILED, StageBook
from mmdepthseg.experiments.table import ExperimentTable, Run
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import read_json, read_json_lines

#: What the record of a finished run has besides the run itself, and its types.
OUTCOME = dict(
    log=str, figures=dict, best=dict, seconds=int | float, versions=list, hash=str
)


def collect(
    table: ExperimentTable,
    runs: Sequence[Run],
    book: StageBook,
    earlier: Mapping[str, dict] | None = None,
) -> list[dict]:
    """Return one record per run.

    Args:
        table: The table.
        runs: Some of its runs.
        book: Book of the stages of those that are not in `earlier`.
        earlier: From `read_earlier`.

    Returns:
        Dicts of `method`, `labels`, `seed`, `name`, `config`, `options` (with
        `{work_dir}` for the table's), `state` (of `StageBook.states`) and `log`; `why`,
        if the run failed; `figures` (test -> key -> number), `best` (of `read_best`),
        `seconds`, `versions` and `hash` (of its stage), if it is done; `no_number`
        (test -> keys), if some are NaN or infinite.
    """
    states, records = book.states(), []
    earlier = earlier or {}
    for run in runs:
        state = DONE if run.name in earlier else states[run.name]
        record = dict(
            method=run.method,
            labels=run.labels,
            seed=run.seed,
            name=run.name,
            config=run.config,
            options=[o.replace(str(table.work_dir), '{work_dir}') for o in run.options],
            state=state,
            log=str(book.log(run.name)),
        )
        if run.name in earlier:
            known = earlier[run.name]
            record.update({k: known[k] for k in (*OUTCOME, 'no_number') if k in known})
        elif state == FAILED:
            record['why'] = book.failed[run.name]
        elif state == DONE:
            done = book.record(run.name)
            found = {t: read_figures(run.folder / t) for t in table.tests}
            numbers = {t: finite(figures) for t, figures in found.items()}
            record.update(
                figures=numbers,
                best=read_best(run.folder),
                seconds=done['seconds'],
                versions=done['versions'],
                hash=done['hash'],
            )
            odd = {test: sorted({*found[test]} - {*numbers[test]}) for test in found}
            if any(odd.values()):
                record['no_number'] = odd
        records.append(record)
    return records


def read_earlier(
    files: Sequence[str | Path], hashes: Mapping[str, str]
) -> dict[str, dict]:
    """Read the finished runs of earlier calls, perhaps of another machine.

    A run counts if what determines its result is the same now. Otherwise it is named
    in a printed line.

    Args:
        files: `results.json` of `write_report`.
        hashes: Run name -> its hash now (see `StageBook.hashes`).

    Returns:
        Run name -> its record, with at least the keys of `OUTCOME`.

    Raises:
        UserError: A file is not of this kind.
        OSError: A file cannot be read.
    """
    found: dict[str, dict] = {}
    for file in files:
        runs = read_json(file, dict, finite=True).get('runs')
        if not isinstance(runs, list) or not all(map(is_record, runs)):
            raise UserError(
                f'{file} is not the results.json of a table: its "runs" must have name '
                f'and state and, if that is "done", {", ".join(OUTCOME)}'
            )
        done = [r for r in runs if r['state'] == DONE and r['name'] in hashes]
        same = {r['name']: r for r in done if r['hash'] == hashes[r['name']]}
        other = [r['name'] for r in done if r['name'] not in same]
        if other:
            print(
                f'{file}: not used, since config, options or a prerequisite differ: '
                f'{", ".join(other)}',
                flush=True,
            )
        found.update(same)
    return found


def is_record(run: object) -> bool:
    """Tell whether an entry of a `results.json` is a record as `collect` makes it."""
    if not isinstance(run, dict):
        return False
    kinds = dict(name=str, state=str, **(OUTCOME if run.get('state') == DONE else {}))
    return all(isinstance(run.get(key), kind) for key, kind in kinds.items())


def read_figures(folder: Path) -> dict[str, float]:
    """Read the figures of the last `tools/test.py --work-dir FOLDER`.

    NaN is that of a range of distances without a pixel, or of a network that diverged.

    Raises:
        UserError: There are none.
    """
    files = sorted(Path(folder).glob('2*/2*.json'))
    if not files:
        raise UserError(
            f'{folder} holds no figures of a test '
            '(<time>/<time>.json): remove it to run it again'
        )
    return read_json(files[-1], dict)


def finite(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures without NaN and infinity, which JSON does not know."""
    odd = {k for k, v in figures.items() if isinstance(v, float) and not isfinite(v)}
    return {key: value for key, value in figures.items() if key not in odd}


def read_best(folder: Path) -> dict[str, float]:
    """Return the highest mIoU of a training's validations, and its iteration.

    Args:
        folder: Of the training.

    Returns:
        `mIoU` and `mIoU/iteration`, for a mean teacher of student and teacher; empty
        without validation.
    """
    best: dict[str, float] = {}
    for found in read_logs(folder):
        for key in ('mIoU', 'student/mIoU', 'teacher/mIoU'):
            if key in found and found[key] > best.get(key, float('-inf')):
                best[key] = found[key]
                best[f'{key}/iteration'] = found['step']
    return best


def read_logs(folder: Path) -> Iterator[dict]:
    """Yield what a training has logged; its parts, if it was continued, in order."""
    for log in sorted(folder.glob('2*/vis_data/scalars.json')):
        yield from read_json_lines(log)


def with_figures(table: ExperimentTable, keys: Sequence[str]) -> None:
    """Let a table report more figures of its runs (in place).

    Args:
        table: The table.
        keys: Keys of the first test, such as `IoU/person`; `best/KEY`: of `read_best`.
    """
    test = next(iter(table.tests))
    # as fine as the table's own: per cent, or metres and ratios of depth
    decimals = max((metric.get('decimals', 1) for metric in table.metrics), default=1)
    table.metrics += [
        dict(title=f'{key}, best validation', keys=[key[5:]], test='best', asked=True)
        if key.startswith('best/')
        else dict(
            title=f'{key} ({test})',
            keys=[key],
            test=test,
            decimals=decimals,
            asked=True,
        )
        for key in keys
    ]


def read_by_metric(metric: Mapping, record: Mapping) -> Mapping[str, float]:
    """Return the figures of a run that a metric is looked up in, by key."""
    if metric['test'] == 'best':
        return record.get('best', {})
    return record.get('figures', {}).get(metric['test'], {})


def summarize(table: ExperimentTable, records: Sequence[Mapping]) -> list[dict]:
    """Compute mean and spread of each cell.

    Args:
        table: The table.
        records: From `collect`.

    Returns:
        Per metric (with its `decimals`), method and number of labels: `values` (seed ->
        number), `n`, `mean`, `std` (sample standard deviation, None for one
        value), `min`, `max`; and if the table has a baseline `gains` (seed ->
        difference to the baseline of the same seed), `gain_mean`, `gain_std`.
    """
    cells = []
    for metric in table.metrics:
        values: dict = {}
        for record in records:
            figures = read_by_metric(metric, record)
            key = next((k for k in metric['keys'] if k in figures), None)
            if key is not None:
                place = values.setdefault((record['method'], record['labels']), {})
                place[record['seed']] = figures[key]
        for method in dict.fromkeys(record['method'] for record in records):
            for labels in dict.fromkeys(record['labels'] for record in records):
                found = values.get((method, labels), {})
                base = values.get((table.baseline, labels), {})
                gains = {s: v - base[s] for s, v in found.items() if s in base}
                cell = dict(
                    metric=metric['title'],
                    decimals=metric.get('decimals', 1),
                    method=method,
                    labels=labels,
                    values=found,
                    **spread(found),
                )
                if table.baseline not in (None, method):
                    of = spread(gains)
                    cell.update(gains=gains, gain_mean=of['mean'], gain_std=of['std'])
                cells.append(cell)
    return cells


def spread(values: Mapping[Any, float]) -> dict:
    """Return `n`, `mean`, `std` (sample, None for one value), `min` and `max`."""
    numbers = list(values.values())
    return dict(
        n=len(numbers),
        mean=statistics.fmean(numbers) if numbers else None,
        std=statistics.stdev(numbers) if len(numbers) > 1 else None,
        min=min(numbers, default=None),
        max=max(numbers, default=None),
    )


def spread_text(
    mean: float | None,
    std: float | None,
    count: int,
    sign: str = '',
    decimals: int = 1,
) -> str:
    """Return mean, standard deviation and number of values: `41.2 ± 0.3 (3)`.

    Args:
        mean: `-` is returned for None.
        std: None for one value.
        count: Number of values.
        sign: `+`, for differences.
        decimals: Number of them.
    """
    if mean is None:
        return '-'
    around = '' if std is None else f' ± {std:.{decimals}f}'
    return f'{mean:{sign}.{decimals}f}{around} ({count})'


def label_count(number: int) -> str:
    """Return `8 labels`, or `no labels`."""
    return f'{number or "no"} labels'
