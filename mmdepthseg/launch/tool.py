"""What every tool does around its job.

Nothing here imports a framework at module level: some tools do without.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mmdepthseg.frameworks import require_frameworks
from mmdepthseg.launch.errors import friendly_errors

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def run_tool(
    parse: Callable[[Sequence[str] | None], argparse.Namespace],
    job: Callable[[argparse.Namespace], object],
    argv: Sequence[str] | None = None,
    frameworks: bool = True,
) -> None:
    """Read the command line, do the job, and say in one line what went wrong.

    Args:
        parse: Command line -> arguments; may import what needs the frameworks.
        job: What the tool does. False: it failed and has said so, the exit code is 1.
        argv: Command line; None: the process's own, with which the process ends.
        frameworks: The tool needs torch and MMSegmentation. False: see `prepare`.

    Raises:
        SystemExit: 2 after an expected error, 1 if the job failed, 130 after Ctrl-C.
    """
    with friendly_errors('--debug' in (sys.argv if argv is None else argv)):
        if frameworks:
            require_frameworks()
        args = parse(argv)
        if frameworks:
            prepare(args)
        if job(args) is False:
            raise SystemExit(1)
    # only then, as a process that calls the tool again needs its group
    if frameworks and argv is None:
        from mmdepthseg.launch.setup import leave_distributed

        leave_distributed()


def prepare(args: argparse.Namespace) -> None:
    """Check frameworks and GPU; register everything, quietly, in our scope.

    For a tool that needs them for some of its jobs only; `run_tool` does it for others.
    """
    require_frameworks()
    if hasattr(args, 'launcher'):
        from mmdepthseg.launch.setup import check_gpus

        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        check_gpus(args.launcher)
    from mmdepthseg.plugin import register_all_modules

    register_all_modules()


def add_config_options(parser: argparse.ArgumentParser, launcher: bool = False) -> None:
    """Add what all tools with a config take: `--cfg-options`, `--debug`.

    Args:
        parser: Of the tool.
        launcher: The tool may run as several processes: `--launcher`, `--local_rank`.
    """
    from mmdepthseg.launch.config import OPTIONS_HELP, OptionsAction

    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help=OPTIONS_HELP,
    )
    if launcher:
        add_launcher(parser)
    add_debug(parser)


def add_launcher(parser: argparse._ActionsContainer) -> None:
    """Add the options of a tool that may run as several processes."""
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Add `--debug`, which `run_tool` reads."""
    parser.add_argument(
        '--debug', action='store_true', help='show the traceback of every error'
    )
