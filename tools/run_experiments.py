r"""Run a table of experiments, methods x numbers of labels x seeds, and print it.

What is done is not done again; a changed config, option or prerequisite redoes what
depends on it. A failed run does not stop the others. The same command on several
machines that share --work-dir splits the runs between them.

Example:
    python tools/run_experiments.py configs/tables/streets_methods.py \
        --work-dir work_dirs/streets_methods --gpus 0 1
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmdepthseg.launch.errors import friendly_errors  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('table', help='table file, see configs/tables')
    parser.add_argument('--work-dir', help='default: work_dirs/<table name>')
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        '--jobs', type=_positive, default=1, help='processes at a time (default: 1)'
    )
    place.add_argument(
        '--gpus',
        nargs='+',
        metavar='ID',
        help='one process at a time on each; an id twice: two on that GPU',
    )
    some = parser.add_argument_group('only some of the runs')
    some.add_argument('--methods', nargs='+', metavar='NAME')
    some.add_argument('--label-counts', nargs='+', type=int, metavar='N')
    some.add_argument('--seeds', nargs='+', type=int, metavar='SEED')
    parser.add_argument(
        '--given',
        nargs='+',
        default=[],
        metavar='NAME=PATH',
        help='use this checkpoint or folder in the place of a prerequisite',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='of every training and test, prerequisites included',
    )
    parser.add_argument(
        '--print-only', action='store_true', help='run nothing, print what is there'
    )
    parser.add_argument(
        '--list', action='store_true', help='run nothing, list states and commands'
    )
    parser.add_argument(
        '--stop-on-failure', action='store_true', help='stop at the first failed run'
    )
    parser.add_argument('--debug', action='store_true', help='show tracebacks')
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number above 0')
    return int(text)


def code_version() -> str:
    """Commit of this checkout; '-dirty' if files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ['git', '-C', str(ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        return git('rev-parse', '--short', 'HEAD') + (
            '-dirty' if git('status', '--porcelain') else ''
        )
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def choose(runs: list, args: argparse.Namespace) -> list:
    """The runs that the command line asks for."""
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


def make_runner(stages: list, work: Path, args: argparse.Namespace):
    """The runner of the stages, on CPUs or GPUs."""
    from mmdepthseg.experiments.run import StageRunner

    places = [{}] * args.jobs
    if args.gpus:
        places = [dict(CUDA_VISIBLE_DEVICES=gpu) for gpu in args.gpus]
    threads = max(1, (os.cpu_count() or 1) // len(places))
    # the user's own settings count
    env = dict(OMP_WAIT_POLICY='PASSIVE', OMP_NUM_THREADS=str(threads))
    env = {key: os.environ.get(key, value) for key, value in env.items()}
    return StageRunner(
        stages,
        work,
        env=dict(env, PYTHONUNBUFFERED='1'),
        places=places,
        keep_going=not args.stop_on_failure,
        version=code_version(),
    )


def show_list(runner) -> None:
    """Print each stage's state and commands."""
    states = runner.states()
    for name, stage in runner.stages.items():
        print(f'{name}: {states[name]}')
        for command in stage.commands:
            print('    ' + shlex.join(command))


def report(table, runs: list, runner, work: Path) -> list[dict]:
    """Print the tables, write them and the figures of every run; returns those."""
    from mmdepthseg.experiments import collect, markdown, summarize
    from mmdepthseg.utils.files import write_atomically

    records = collect(table, runs, runner)
    text = markdown(table, records, runner.version)
    figures = dict(
        table=table.path,
        title=table.title,
        version=runner.version,
        summary=summarize(table, records),
        runs=records,
    )
    write_atomically(work / 'results.md', (text + '\n').encode())
    write_atomically(work / 'results.json', json.dumps(figures, indent=1).encode())
    print(
        f'\n{text}\n\nTable: {work / "results.md"}\nEvery run: {work / "results.json"}',
        flush=True,
    )
    return records


def run_experiments(args: argparse.Namespace) -> bool:
    """Run the table and report; whether no run failed."""
    from mmdepthseg.experiments import ExperimentTable, make_stages
    from mmdepthseg.launch.config import check_writable
    from mmdepthseg.utils.errors import UserError

    work = Path(args.work_dir or f'work_dirs/{Path(args.table).stem}').expanduser()
    for pair in args.given:
        if '=' not in pair:
            raise UserError(f'--given takes NAME=PATH, not {pair!r}')
    given = dict(pair.split('=', 1) for pair in args.given)
    table = ExperimentTable(args.table, work, args.cfg_options, given)
    runs = choose(table.runs, args)
    runner = make_runner(make_stages(table, runs), work, args)
    if args.list:
        show_list(runner)
        return True
    check_writable(work, 'folder of --work-dir')
    try:
        if not args.print_only:
            runner.run()
    finally:  # whatever ended the run: what is there is not lost
        report(table, runs, runner, work)
    return not runner.failed


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with friendly_errors('--debug' in (sys.argv if argv is None else argv)):
        from mmdepthseg.utils.compat import require_frameworks

        require_frameworks()
        if not run_experiments(parse_args(argv)):
            raise SystemExit(1)


if __name__ == '__main__':
    # as Ctrl-C: processes are stopped, the table is written
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
