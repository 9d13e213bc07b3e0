r"""Run a table of experiments, methods x numbers of labels x seeds, and print it.

Finished stages are not repeated, unless a config, option or prerequisite they depend on
has changed. A failed run does not stop the others. On a cluster, --slurm submits jobs
and exits; run the same command later to see their state and the results so far.

Example:
    python tools/run_experiments.py configs/tables/streets_methods.py \
        --work-dir work_dirs/streets_methods --gpus 0 1
    python tools/run_experiments.py configs/tables/cityscapes_semi.py \
        --slurm partition=gpu gpus_per_node=1 cpus_per_task=8 timeout_min=480
"""

import argparse
import contextlib
import shlex
import signal
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmdepthseg.launch.tool import add_debug, add_trust, positive, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('table', help='table file, see configs/tables')
    parser.add_argument('--work-dir', help='default: work_dirs/<table name>')
    _add_places(parser)
    _add_runs(parser)
    parser.add_argument(
        '--given',
        nargs='+',
        default=[],
        metavar='NAME=PATH',
        help='use this checkpoint or folder instead of a prerequisite, or this '
        'checkpoint instead of a run that others start from',
    )
    parser.add_argument(
        '--results',
        nargs='+',
        default=[],
        metavar='JSON',
        help='results.json of earlier calls, also of other machines: their finished '
        'runs are not repeated, if config, options and prerequisites are the same',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for every training and test, including prerequisites',
    )
    _add_shown(parser)
    parser.add_argument(
        '--stop-on-failure', action='store_true', help='stop at the first failed run'
    )
    parser.add_argument(
        '--no-fork',
        action='store_true',
        help='let each training and test import everything again; by default those of '
        'a place (see --jobs, --gpus) are forked from one process that has done so',
    )
    add_trust(parser)
    add_debug(parser)
    return parser.parse_args(argv)


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Add where the trainings run."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        '--jobs', type=positive, default=1, help='processes at a time (default: 1)'
    )
    place.add_argument(
        '--gpus',
        nargs='+',
        metavar='ID',
        help='one process at a time per id; repeat an id for two processes on that GPU',
    )
    place.add_argument(
        '--slurm',
        nargs='*',
        metavar='KEY=VALUE',
        help='submit Slurm jobs with these settings: partition, account, timeout_min, '
        "gpus_per_node, cpus_per_task, mem_gb, ... (submitit's names)",
    )
    parser.add_argument(
        '--retry', action='store_true', help='with --slurm: submit failed jobs again'
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    """Add which runs of the table are wanted."""
    some = parser.add_argument_group('only some of the runs')
    some.add_argument(
        '--methods',
        nargs='+',
        metavar='NAME',
        help='names of methods (default: all of the table)',
    )
    some.add_argument(
        '--label-counts',
        nargs='+',
        type=int,
        metavar='N',
        help='numbers of labelled frames (default: those of the table)',
    )
    some.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        metavar='SEED',
        help='seeds (default: those of the table)',
    )


def _add_shown(parser: argparse.ArgumentParser) -> None:
    """Add what is printed, and whether anything else is done."""
    parser.add_argument(
        '--print-only',
        action='store_true',
        help='run nothing, print the results so far',
    )
    parser.add_argument(
        '--figures',
        nargs='+',
        default=[],
        metavar='KEY',
        help='print tables of these figures too: IoU/person, teacher/IoU/person; '
        "best/mIoU: the highest of a training's validations",
    )
    parser.add_argument(
        '--list', action='store_true', help='run nothing, list states and commands'
    )


def choose(runs: list, args: argparse.Namespace) -> list:
    """Return the runs that the command line asks for."""
    from mmdepthseg.utils.errors import UserError

    for wanted, option, attribute in (
        (args.methods, '--methods', 'method'),
        (args.label_counts, '--label-counts', 'labels'),
        (args.seeds, '--seeds', 'seed'),
    ):
        if wanted is None:
            continue
        known = list(dict.fromkeys(getattr(run, attribute) for run in runs))
        unknown = [value for value in wanted if value not in known]
        if unknown:
            raise UserError(
                f'{option}: the table has no {unknown[0]}; it has '
                f'{", ".join(map(str, known))}'
            )
        runs = [run for run in runs if getattr(run, attribute) in wanted]
    return runs


def show_list(book) -> None:
    """Print each stage's state and commands."""
    states = book.states()
    for name, stage in book.stages.items():
        print(f'{name}: {states[name]}')
        for command in stage.commands:
            print('    ' + shlex.join(command))


def as_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Split KEY=VALUE texts into a dict."""
    from mmdepthseg.utils.errors import UserError

    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition('=')
        if not equals:
            raise UserError(f'{option} takes KEY=VALUE, not {text!r}')
        if found.setdefault(key, value) != value:
            raise UserError(f'{option}: {key} has two values, {found[key]} and {value}')
    return found


def use_slurm(book, args: argparse.Namespace) -> None:
    """Look up the state of the jobs; submit those neither done nor queued."""
    from mmdepthseg.experiments.slurm import SlurmRunner

    asked = as_pairs(args.slurm, '--slurm')
    parameters = {k: int(v) if v.isdigit() else v for k, v in asked.items()}
    runner = SlurmRunner(book, parameters)
    runner.look()
    if args.list:
        return
    if not args.print_only:
        runner.submit(args.retry)
    runner.show()


def run_experiments(args: argparse.Namespace) -> bool:
    """Run the table and report; return whether no run failed."""
    from mmdepthseg.experiments import (
        ExperimentTable,
        StageBook,
        StageRunner,
        code_version,
        local_places,
        lock_folder,
        make_stages,
        read_earlier,
        with_figures,
        write_report,
    )
    from mmdepthseg.experiments.slurm import refuse_if_queued
    from mmdepthseg.launch.config import check_writable
    from mmdepthseg.utils.errors import refuse

    work = Path(args.work_dir or f'work_dirs/{Path(args.table).stem}').expanduser()
    given = as_pairs(args.given, '--given')
    table = ExperimentTable(args.table, work, args.cfg_options, given)
    with_figures(table, args.figures)
    runs = choose(table.runs, args)
    refuse(
        'run_experiments.py',
        {
            '--retry is for --slurm: failed runs are always repeated on this machine': (
                args.retry and args.slurm is None
            ),
            '--stop-on-failure and --no-fork are for this machine, not for --slurm': (
                args.slurm is not None and (args.stop_on_failure or args.no_fork)
            ),
        },
    )
    earlier = {}
    if args.results:
        hashes = StageBook(make_stages(table, runs), work).hashes()
        earlier = read_earlier(args.results, hashes)
        print(f'--results: {len(earlier)} of {len(runs)} runs are finished')
    left = [run for run in runs if run.name not in earlier]
    book = StageBook(make_stages(table, left), work, code_version())
    if args.list:
        if args.slurm is not None:
            use_slurm(book, args)
        show_list(book)
        return True
    check_writable(work, 'folder of --work-dir')
    with contextlib.ExitStack() as stack:
        lock = None if args.print_only else stack.enter_context(lock_folder(work))
        if lock and args.slurm is None:
            refuse_if_queued(work)
        try:
            if args.slurm is not None:
                use_slurm(book, args)
            elif lock:
                places = local_places(args.jobs, args.gpus)
                keep_going, fork = not args.stop_on_failure, not args.no_fork
                StageRunner(book, places, keep_going, lock, fork).run()
        finally:  # however the run ended, keep the results so far
            write_report(table, runs, book, earlier)
    return not book.failed


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run_experiments, argv)


if __name__ == '__main__':
    # like Ctrl-C: stop the processes, write the table
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
