r"""Run tables of experiments on a bare GPU machine: no network, little time a call.

`pack` gathers here what the machine needs: this code, the pinned packages as wheels,
ImageNet weights, data. `run` makes an environment from it there, runs tables with
several trainings at a time, and stops by itself; called again, it goes on. `tool` runs
another of our tools there, with paths below the code or whole ones. PyTorch (with CUDA)
must be on the machine; `pack` prints what else is expected there.

Exit code of `run`: 0 if all is done, 75 if there is more to do, 1 if a training failed.
That of `tool` is the tool's, 75 if it was stopped.

Example:
    python tools/remote_tables.py pack PACK --python 3.12 --have numpy opencv-python \
        --data data camvid
    (copy PACK to the machine, and there, again and again:)
    python3 PACK/code/tools/remote_tables.py run PACK --gpus 0 0 0 0 --out RESULTS \
        --tables configs/tables/streets_lite0.py
    python3 PACK/code/tools/remote_tables.py tool PACK \
        --run tools/analysis_tools/benchmark_gpu.py --out $PWD/RESULTS
"""

import argparse
import signal
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402
from mmdepthseg.remote.pack import make_pack  # noqa: E402
from mmdepthseg.remote.run import run_command, run_pack  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest='job', required=True)
    pack = jobs.add_parser('pack', help='gather what the machine needs')
    pack.add_argument('pack', type=Path, help='new folder, or one that pack made')
    own = '.'.join(map(str, sys.version_info[:2]))
    pack.add_argument('--python', default=own, help=f'its Python (default: {own})')
    pack.add_argument(
        '--have', nargs='+', default=[], metavar='NAME', help='packages it has'
    )
    pack.add_argument(
        '--data',
        nargs='+',
        default=[],
        metavar=('FOLDER', 'NAME'),
        help='take these parts of a data folder (default: all), the smallest first',
    )
    pack.add_argument(
        '--limit', type=float, default=64.0, metavar='MIB', help='default: 64'
    )
    run = jobs.add_parser('run', help='run tables, on the machine')
    run.add_argument('pack', type=Path, help='folder that pack made')
    run.add_argument(
        '--tables',
        nargs='+',
        required=True,
        metavar='TABLE',
        help='configs of tables to run, in this order',
    )
    run.add_argument(
        '--gpus',
        nargs='+',
        default=[],
        metavar='ID',
        help='a training at a time per id; repeat an id for two on that GPU',
    )
    run.add_argument('--jobs', default='1', help='trainings at a time, without GPU')
    run.add_argument(
        '--out', type=Path, help='folder of the results (default: $OUT, or PACK.out)'
    )
    run.add_argument(
        '--state', type=Path, help='state.tar.gz of an earlier call, for a new machine'
    )
    run.add_argument(
        '--more',
        nargs=argparse.REMAINDER,
        default=[],
        help='the rest is for run_experiments.py, such as --seeds 7',
    )
    tool = jobs.add_parser('tool', help='run another tool, on the machine')
    tool.add_argument('pack', type=Path, help='folder that pack made')
    for part in (run, tool):
        part.add_argument('--minutes', type=float, default=9.5, help='default: 9.5')
        part.add_argument(
            '--place',
            type=Path,
            help='new folder, or that of an earlier call, which is kept (default: '
            'PACK.work)',
        )
    tool.add_argument(
        '--run',
        nargs=argparse.REMAINDER,
        required=True,
        dest='command',
        metavar='TOOL',
        help='the rest: tools/NAME.py and its arguments',
    )
    for part in (pack, run, tool):
        add_debug(part)
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> None:
    """Do one of the jobs.

    Raises:
        SystemExit: With the exit code of `run` or `tool`.
        UserError: No tool is named.
    """
    if args.job == 'pack':
        make_pack(args.pack, args.python, args.have, args.data, args.limit)
        return
    if args.job == 'tool':
        if not args.command:
            raise UserError('--run: name a tool and its arguments: tools/NAME.py ...')
        leave(run_command(args.pack, args.command, args.minutes, args.place))
        return
    places = ['--gpus', *args.gpus] if args.gpus else ['--jobs', args.jobs]
    options = [*places, *args.more]
    places_of = (args.place, args.out, args.state)
    leave(run_pack(args.pack, args.tables, options, args.minutes, *places_of))


def leave(code: int) -> None:
    """End the process, unless all is done."""
    if code:
        raise SystemExit(code)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, work, argv, frameworks=False)


if __name__ == '__main__':
    # like Ctrl-C: stop the trainings, collect the results
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
