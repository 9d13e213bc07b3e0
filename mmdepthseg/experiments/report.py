"""The figures of a table's runs: means, spreads, Markdown, JSON."""

import json
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdepthseg.experiments.options import ROOT
from mmdepthseg.experiments.stage import (
    DONE,
    FAILED,
    MISSING,
    OUTDATED,
    QUEUED,
    RUNNING,
    StageBook,
)
from mmdepthseg.experiments.table import ExperimentTable, Run
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import (
    read_json,
    read_json_lines,
    read_text,
    write_atomically,
)


def write_report(table: ExperimentTable, runs: Sequence[Run], book: StageBook) -> None:
    """Print the tables, and write them and the figures of every run.

    Args:
        table: The table.
        runs: Some of its runs.
        book: Book of their stages.
    """
    records = collect(table, runs, book)
    text = markdown(table, records, book.version)
    figures = dict(
        table=table.path,
        title=table.title,
        version=book.version,
        summary=summarize(table, records),
        runs=records,
    )
    pages, data = book.folder / 'results.md', book.folder / 'results.json'
    write_atomically(pages, (text + '\n').encode())
    write_atomically(data, json.dumps(figures, indent=1).encode())
    print(f'\n{text}\n\nTable: {pages}\nEvery run: {data}', flush=True)


def code_version() -> str:
    """Return the commit of this checkout; '-dirty' marks changed files.

    Code that tools/remote_tables.py carried elsewhere has it in a file.
    """
    note = ROOT / 'COMMIT'
    if note.is_file():
        return read_text(note, tolerant=True).strip()

    def git(*arguments: str) -> str:
        command = ['git', '-C', str(ROOT), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        dirty = '-dirty' if git('status', '--porcelain') else ''
        return git('rev-parse', '--short', 'HEAD') + dirty
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def collect(table: ExperimentTable, runs: Sequence[Run], book: StageBook) -> list[dict]:
    """Return one record per run.

    Args:
        table: The table.
        runs: Some of its runs.
        book: Book of their stages.

    Returns:
        Dicts of `method`, `labels`, `seed`, `name`, `config`, `options`, `state` (of
        `StageBook.states`) and `log`; `why`, if the run failed; `figures` (test -> key
        -> number), `best` (of `read_best`), `seconds` and `versions`, if it is done.
    """
    states, records = book.states(), []
    for run in runs:
        state = states[run.name]
        record = dict(
            method=run.method,
            labels=run.labels,
            seed=run.seed,
            name=run.name,
            config=run.config,
            options=list(run.options),
            state=state,
            log=str(book.log(run.name)),
        )
        if state == FAILED:
            record['why'] = book.failed[run.name]
        elif state == DONE:
            done = book.record(run.name)
            record.update(
                figures={t: read_figures(run.folder / t) for t in table.tests},
                best=read_best(run.folder),
                seconds=done['seconds'],
                versions=done['versions'],
            )
        records.append(record)
    return records


def read_figures(folder: Path) -> dict[str, float]:
    """Read the figures of the last `tools/test.py --work-dir FOLDER`.

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


def read_best(folder: Path) -> dict[str, float]:
    """Return the highest mIoU of a training's validations, and its iteration.

    Args:
        folder: Of the training.

    Returns:
        `mIoU` and `mIoU/iteration`, for a mean teacher of student and teacher; empty
        without validation.
    """
    best: dict[str, float] = {}
    for log in sorted(folder.glob('2*/vis_data/scalars.json')):
        for found in read_json_lines(log):
            for key in ('mIoU', 'student/mIoU', 'teacher/mIoU'):
                if key in found and found[key] > best.get(key, float('-inf')):
                    best[key] = found[key]
                    best[f'{key}/iteration'] = found['step']
    return best


def with_figures(table: ExperimentTable, keys: Sequence[str]) -> None:
    """Let a table report more figures of its runs (in place).

    Args:
        table: The table.
        keys: Keys of the first test, such as `IoU/person`; `best/KEY`: of `read_best`.
    """
    test = next(iter(table.tests))
    table.metrics += [
        dict(title=f'{key}, best validation', keys=[key[5:]], test='best')
        if key.startswith('best/')
        else dict(title=f'{key} ({test})', keys=[key], test=test)
        for key in keys
    ]


def summarize(table: ExperimentTable, records: Sequence[Mapping]) -> list[dict]:
    """Compute mean and spread of each cell.

    Args:
        table: The table.
        records: From `collect`.

    Returns:
        Per metric, method and number of labels: `values` (seed ->
        number), `n`, `mean`, `std` (sample standard deviation, None for one
        value), `min`, `max`; and if the table has a baseline `gains` (seed ->
        difference to the baseline of the same seed), `gain_mean`, `gain_std`.
    """
    cells = []
    for metric in table.metrics:
        values: dict = {}
        for record in records:
            tests = dict(record.get('figures', {}), best=record.get('best', {}))
            figures = tests.get(metric['test'], {})
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
                    method=method,
                    labels=labels,
                    values=found,
                    **_spread(found),
                )
                if table.baseline not in (None, method):
                    spread = _spread(gains)
                    cell.update(
                        gains=gains, gain_mean=spread['mean'], gain_std=spread['std']
                    )
                cells.append(cell)
    return cells


def _spread(values: Mapping[int, float]) -> dict:
    numbers = list(values.values())
    return dict(
        n=len(numbers),
        mean=statistics.fmean(numbers) if numbers else None,
        std=statistics.stdev(numbers) if len(numbers) > 1 else None,
        min=min(numbers, default=None),
        max=max(numbers, default=None),
    )


def markdown(
    table: ExperimentTable, records: Sequence[Mapping], version: str = ''
) -> str:
    """Return the tables of all reported metrics, and a list of the missing runs.

    Args:
        table: The table.
        records: From `collect`.
        version: Version of the printing code.
    """
    seeds = ', '.join(str(s) for s in dict.fromkeys(r['seed'] for r in records))
    lines = [
        f'**{table.title}**',
        '',
        f'Mean ± sample standard deviation over seeds {seeds}; in brackets the '
        'number of runs.',
    ]
    cells = summarize(table, records)
    for metric in table.metrics:
        mine = [c for c in cells if c['metric'] == metric['title']]
        if not any(cell['n'] for cell in mine):
            continue
        lines += ['', metric['title'], '', *_grid(table, mine, 'mean', 'std')]
        if table.baseline and any(cell.get('gains') for cell in mine):
            lines += [
                '',
                f'{metric["title"]}: difference to '
                f'"{_title(table, table.baseline)}" of the same seed',
                '',
                *_grid(table, mine, 'gain_mean', 'gain_std', '+'),
            ]
    return '\n'.join([*lines, '', *_remarks(records, version)])


def _grid(
    table: ExperimentTable,
    cells: Sequence[Mapping],
    mean: str,
    std: str,
    sign: str = '',
) -> list[str]:
    counts = list(dict.fromkeys(cell['labels'] for cell in cells))
    lines = [
        '| method | ' + ' | '.join(f'{n} labels' for n in counts) + ' |',
        '|---' * (len(counts) + 1) + '|',
    ]
    for method in dict.fromkeys(cell['method'] for cell in cells):
        row = [cell for cell in cells if cell['method'] == method]
        if all(mean in cell for cell in row):
            texts = [_cell(c, c[mean], c[std], sign) for c in row]
            lines.append(f'| {_title(table, method)} | {" | ".join(texts)} |')
    return lines


def _cell(cell: Mapping, mean: float | None, std: float | None, sign: str) -> str:
    if mean is None:
        return '-'
    spread = '' if std is None else f' ± {std:.1f}'
    count = len(cell['gains']) if sign else cell['n']
    return f'{mean:{sign}.1f}{spread} ({count})'


def _title(table: ExperimentTable, method: str) -> str:
    return table.methods[method].get('title', method)


def _remarks(records: Sequence[Mapping], version: str) -> list[str]:
    """Return lines on the missing runs, and on the versions of the others."""
    whys = {
        RUNNING: 'Running',
        QUEUED: 'Queued',
        MISSING: 'Not run yet',
        OUTDATED: 'Out of date (config, options or a prerequisite changed since)',
        FAILED: 'Failed',
    }
    lines = []
    for state, why in whys.items():
        names = [r['name'] for r in records if r['state'] == state]
        if names:
            lines.append(f'{why}, {len(names)} of {len(records)}: {", ".join(names)}.')
    versions = sorted({v for r in records for v in r.get('versions', []) if v})
    if versions:
        lines.append(
            f'Runs of commit {", ".join(versions)}; printed by '
            f'{version or "an unknown one"}.'
        )
    return lines
