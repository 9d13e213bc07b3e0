"""The report of a table's runs: Markdown and JSON."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from mmdepthseg.experiments.figures import (
    collect,
    is_record,
    label_count,
    read_by_metric,
    spread_text,
    summarize,
)
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
from mmdepthseg.utils.errors import UserError, did_you_mean, listed
from mmdepthseg.utils.files import read_json, read_text, write_atomically


def write_report(
    table: ExperimentTable,
    runs: Sequence[Run],
    book: StageBook,
    earlier: Mapping[str, dict] | None = None,
) -> None:
    """Print the tables, and write them and the figures of every run.

    Args:
        table: The table.
        runs: Some of its runs.
        book: Book of the stages of those that are not in `earlier`.
        earlier: From `read_earlier`.
    """
    records = collect(table, runs, book, earlier)
    text = markdown(table, records, book.version)
    figures = dict(
        table=table.path,
        title=table.title,
        version=book.version,
        summary=summarize(table, records),
        runs=records,
    )
    pages, data = book.folder / 'results.md', book.folder / 'results.json'
    keep_earlier(data, records, book)
    write_atomically(pages, (text + '\n').encode())
    write_atomically(data, json.dumps(figures, indent=1).encode())
    print(f'\n{text}\n\nTable: {pages}\nEvery run: {data}', flush=True)


def keep_earlier(path: Path, records: Sequence[Mapping], book: StageBook) -> None:
    """Rename a `results.json` if it has results that a new one could not have again.

    These are finished runs of another machine (`--results`), which neither the records
    nor the book has.

    Args:
        path: The file, which may be missing.
        records: Those of the new one, from `collect`.
        book: Of the folder.
    """
    try:
        runs = read_json(path, dict).get('runs')
    except (OSError, UserError):
        return
    if not isinstance(runs, list) or not all(map(is_record, runs)):
        return  # not a table's
    have = {record['name'] for record in records if record['state'] == DONE}
    done = [run['name'] for run in runs if run['state'] == DONE]
    lost = [name for name in done if name not in have and not book.record(name)]
    if lost:
        names = (path.with_name(f'results.earlier-{i}.json') for i in count(1))
        kept = path.rename(next(name for name in names if not name.exists()))
        print(
            f'{kept}: the results before this call; only they have {listed(lost)}',
            flush=True,
        )


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
    absent = _absent(table, records, cells)
    return '\n'.join([*lines, '', *absent, *_remarks(records, version)])


def _absent(
    table: ExperimentTable, records: Sequence[Mapping], cells: Sequence[Mapping]
) -> list[str]:
    """Return lines on the figures that were asked for and that no run reports."""
    lines = []
    done = [record for record in records if 'figures' in record]
    for metric in table.metrics:
        counts = [c['n'] for c in cells if c['metric'] == metric['title']]
        if not metric.get('asked') or not done or any(counts):
            continue
        start = 'best/' if metric['test'] == 'best' else ''
        known = {
            start + key
            for record in done
            for key in (
                *read_by_metric(metric, record),
                *_no_number(record, metric['test']),
            )
        }
        key = start + metric['keys'][0]
        if key in known:
            continue  # a remark names it
        # of a mean teacher, it would be student/KEY
        end = f'/{metric["keys"][0]}'
        names = sorted(known, key=lambda name: (not name.endswith(end), name))
        hint = did_you_mean(key, names) or '.'
        there = listed(names) if names else 'nothing of the kind'
        lines.append(f'No run reports {key}{hint} They report {there}.')
    return lines


def _no_number(record: Mapping, test: str) -> list[str]:
    return record.get('no_number', {}).get(test, [])


def _grid(
    table: ExperimentTable,
    cells: Sequence[Mapping],
    mean: str,
    std: str,
    sign: str = '',
) -> list[str]:
    counts = list(dict.fromkeys(cell['labels'] for cell in cells))
    lines = [
        '| method | ' + ' | '.join(label_count(n) for n in counts) + ' |',
        '|---' * (len(counts) + 1) + '|',
    ]
    for method in dict.fromkeys(cell['method'] for cell in cells):
        row = [cell for cell in cells if cell['method'] == method]
        if all(mean in cell for cell in row):
            texts = [_cell(c, c[mean], c[std], sign) for c in row]
            lines.append(f'| {_title(table, method)} | {" | ".join(texts)} |')
    return lines


def _cell(cell: Mapping, mean: float | None, std: float | None, sign: str) -> str:
    count = len(cell['gains']) if sign else cell['n']
    return spread_text(mean, std, count, sign, cell['decimals'])


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
    for record in records:
        for test in record.get('no_number', ()):
            if keys := _no_number(record, test):
                name = f'{record["name"]} ({test})'
                lines.append(f'No number, left out: {name}: {", ".join(keys)}.')
    versions = sorted({v for r in records for v in r.get('versions', []) if v})
    if versions:
        lines.append(
            f'Runs of commit {", ".join(versions)}; printed by '
            f'{version or "an unknown one"}.'
        )
    return lines
