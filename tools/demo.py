"""Run the whole method on the streets; `make demo` calls this.

Streets -> depth and pose from unlabelled video -> depth labels -> segmentation with a
few labels (supervised; mean teacher with ClassMix; mean teacher with DepthMix) ->
test -> a table and a picture. The stages are those of configs/tables/demo.py; finished
ones are not repeated.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmdepthseg.launch.tool import add_debug, positive, run_tool  # noqa: E402

TABLE = 'configs/tables/demo.py'
DEPTH_KEYS = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'silog', 'a1', 'a2', 'a3')
DEPTH_ROWS = (
    ('self-supervised depth (SDE)', ''),
    ("baseline: training set's mean per row", 'row_mean/'),
    ('baseline: one constant depth', 'constant/'),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--work-dir',
        default='work_dirs/demo',
        help='folder of all results (default: work_dirs/demo)',
    )
    parser.add_argument('--seed', type=int, help="default: the table's, 7")
    parser.add_argument(
        '--jobs',
        type=positive,
        default=min(2, os.cpu_count() or 1),
        help='stages at a time',
    )
    add_debug(parser)
    return parser.parse_args(argv)


def result_table(
    results: dict[str, dict], titles: dict[str, str], seed: int, seconds: dict
) -> str:
    """Lay out the figures as Markdown.

    Args:
        results: 'sde' and each method -> its figures.
        titles: Method -> its title.
        seed: Seed of the trainings.
        seconds: Method -> duration of its training.
    """
    depth = results['sde']
    lines = [
        f'Depth on held-out streets (median alignment), seed {seed}',
        '',
        '| predictor | ' + ' | '.join(DEPTH_KEYS) + ' |',
        '|---' * (len(DEPTH_KEYS) + 1) + '|',
    ]
    for title, prefix in DEPTH_ROWS:
        numbers = [f'{depth[prefix + key]:.3f}' for key in DEPTH_KEYS]
        lines.append(f'| {title} | ' + ' | '.join(numbers) + ' |')
    lines += [
        '',
        f'Segmentation with 8 labelled frames, mIoU %, seed {seed}',
        '',
        '| method | student | teacher | training s |',
        '|---|---|---|---|',
    ]
    for name, title in titles.items():
        metrics = results[name]
        student = metrics.get('student/mIoU', metrics.get('mIoU'))
        teacher = metrics.get('teacher/mIoU')
        lines.append(
            f'| {title} | {student:.1f} | '
            f'{"-" if teacher is None else f"{teacher:.1f}"} | '
            f'{seconds[name]:.0f} |'
        )
    return '\n'.join([*lines, '', verdict(results, titles)])


def verdict(results: dict[str, dict], titles: dict[str, str]) -> str:
    """Summarise the figures without overstating them."""
    depth = results['sde']
    better = [key for key in DEPTH_KEYS if _better(depth, key)]
    worse = [key for key in DEPTH_KEYS if key not in better]
    full = results['full']['teacher/mIoU']
    lines = [
        'Depth from video against the mean depth per row: better in '
        f'{", ".join(better) or "nothing"}'
        + (f'; not better in {", ".join(worse)}.' if worse else '.')
    ]
    for name, key in (('supervised', 'mIoU'), ('classmix', 'teacher/mIoU')):
        gain = full - results[name][key]
        lines.append(
            f'Full method (teacher) against {titles[name]}: {gain:+.1f} points mIoU.'
        )
    lines.append('One seed and 8 labels: differences of one or two points are noise.')
    return '\n'.join(lines)


def _better(depth: dict, key: str) -> bool:
    gain = depth[key] - depth[f'row_mean/{key}']
    return gain > 0 if key in ('a1', 'a2', 'a3') else gain < 0


def draw(table, titles: dict[str, str], path: Path) -> None:
    """Draw the picture of a table's runs."""
    from mmdepthseg.experiments.options import pairs
    from mmdepthseg.experiments.sheet import draw_demo_sheet

    sde = table.prerequisites['sde']
    draw_demo_sheet(
        path,
        sde=(
            table.changed(sde['train'], pairs(sde.get('options'))),
            table.products['sde'],
        ),
        segmentation={
            titles[run.method]: (
                table.changed(run.config, run.options),
                table.checkpoint(run.config, run.options, run.folder),
            )
            for run in table.runs
        },
        depth_labels=Path(table.products['depth_labels']),
    )


def run_demo(args: argparse.Namespace) -> None:
    """Run the stages, print the table, draw the picture."""
    from mmdepthseg.experiments import (
        ExperimentTable,
        StageBook,
        StageRunner,
        code_version,
        local_places,
        lock_folder,
        make_stages,
        read_figures,
    )
    from mmdepthseg.utils.files import write_atomically

    started = time.monotonic()
    work = Path(args.work_dir).expanduser().resolve()
    os.chdir(ROOT)
    options, seeds = [], None
    if args.seed is not None:  # for the depth network too
        options, seeds = [f'randomness.seed={args.seed}'], [args.seed]
    table = ExperimentTable(TABLE, work, options, seeds=seeds)
    seed = table.runs[0].seed
    titles = {name: method['title'] for name, method in table.methods.items()}
    book = StageBook(make_stages(table, table.runs), work, code_version())
    with lock_folder(work) as lock:
        StageRunner(book, local_places(args.jobs), lock=lock, fork=True).run()
    sheet = work / 'contact_sheet.png'
    draw(table, titles, sheet)
    results = {'sde': read_figures(Path(table.products['sde_test']))}
    seconds = {}
    for run in table.runs:
        results[run.method] = read_figures(run.folder / 'test')
        seconds[run.method] = book.record(run.name)['command_seconds'][0]
    text = result_table(results, titles, seed, seconds)
    spent = sum(book.record(name)['seconds'] for name in book.stages)
    wall = time.monotonic() - started
    text += (
        f'\n\nThe stages took {spent:.0f} s added up; '
        f'this call took {wall:.0f} s on {os.cpu_count()} cores.'
    )
    write_atomically(work / 'results.md', (text + '\n').encode())
    write_atomically(
        work / 'results.json',
        json.dumps(dict(results, seed=seed), indent=1).encode(),
    )
    print(f'\n{text}\n\nTable: {work / "results.md"}\nPicture: {sheet}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run_demo, argv)


if __name__ == '__main__':
    # like Ctrl-C: also stop the processes of the stages
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
