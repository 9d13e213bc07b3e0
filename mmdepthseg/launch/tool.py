"""The frame of every tool: command line, frameworks, errors.

Nothing here imports a framework at module level, because some tools run without one.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmdepthseg.checkpoints.trust import SWITCH, VARIABLE, trusting
from mmdepthseg.frameworks import require_frameworks
from mmdepthseg.launch.errors import friendly_errors
from mmdepthseg.utils.errors import Stopped, UserError
from mmdepthseg.utils.files import check_writable

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def run_tool(
    parse: Callable[[Sequence[str] | None], argparse.Namespace],
    job: Callable[[argparse.Namespace], object],
    argv: Sequence[str] | None = None,
    frameworks: bool = True,
) -> None:
    """Read the command line, run the job, and report an error in one line.

    Args:
        parse: Returns the arguments of a command line; may import the frameworks.
        job: Runs the tool. It returns False if it failed and has reported that; the
            exit code is then 1.
        argv: Command line; None: that of the process, which ends with the tool.
        frameworks: Whether the tool needs torch and MMSegmentation; if not, see
            `prepare`.

    Raises:
        SystemExit: 2 after an expected error, 1 if the job failed, 130 after Ctrl-C,
            141 if nobody reads the output any longer, 143 after SIGTERM in a training.
    """
    stopped: Stopped | None = None
    with friendly_errors('--debug' in (sys.argv if argv is None else argv)):
        if frameworks:
            require_frameworks()
        args = parse(argv)
        with trusting(getattr(args, 'trust_checkpoint', False)):
            if frameworks:
                prepare(args)
            try:
                if job(args) is False:
                    raise SystemExit(1)
            except Stopped as stop:  # on all ranks
                stopped = stop
    # a process that passes `argv` may call the tool again and then needs its group
    if frameworks and argv is None:
        from mmdepthseg.launch.setup import leave_distributed

        leave_distributed()
    if stopped is not None:
        raise stopped


def prepare(args: argparse.Namespace) -> None:
    """Check frameworks and GPU; register everything in our scope, without output.

    Called by tools that need the frameworks for some of their jobs only; for the others
    `run_tool` does it.
    """
    require_frameworks()
    if hasattr(args, 'launcher'):
        from mmdepthseg.launch.setup import check_gpus

        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        check_gpus(args.launcher)
    from mmdepthseg.plugin import register_all_modules

    register_all_modules()


def add_config_options(parser: argparse.ArgumentParser, launcher: bool = False) -> None:
    """Add the options of all tools with a config and weights.

    They are `--cfg-options`, `--trust-checkpoint` and `--debug`.

    Args:
        parser: The tool's parser.
        launcher: Also add `--launcher` and `--local_rank`, for a tool that may run as
            several processes.
    """
    from mmdepthseg.launch.options import OPTIONS_HELP, OptionsAction

    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help=OPTIONS_HELP,
    )
    if launcher:
        add_launcher(parser)
    add_trust(parser)
    add_debug(parser)


def positive(text: str) -> int:
    """Return a whole number above 0 from the command line (a type of argparse)."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number above 0')
    return int(text)


def output_file(text: str) -> str:
    """Return the path of a file to be written, once it is sure that it can be.

    A type of argparse: before hours of work, not after them.
    """
    path = Path(text).expanduser()
    problem = ''
    if path.is_dir():
        problem = f'{text} is a folder: name a file in it'
    elif path.exists() and not os.access(path, os.W_OK):
        problem = f'{text} cannot be written: name another file'
    else:
        try:
            check_writable(path.parent, f'folder of {path.name}')
        except UserError as error:
            problem = str(error)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return str(path)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, the file of a benchmark's numbers."""
    parser.add_argument(
        '--json',
        type=output_file,
        metavar='FILE',
        help='also write the numbers to this file',
    )


def add_launcher(parser: argparse._ActionsContainer) -> None:
    """Add the options of a tool that may run as several processes."""
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='what starts the processes of several ranks (default: none)',
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help='set by the launcher'
    )


def add_part(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a network of a mean teacher."""
    parser.add_argument(
        '--part',
        choices=['teacher', 'student'],
        help='network of a mean teacher (default: that of the config, or the teacher)',
    )


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add `--trust-checkpoint`, which `run_tool` reads."""
    parser.add_argument(
        SWITCH,
        action='store_true',
        help='also read files of weights that hold other objects, which can run code; '
        f'only for files of people you trust ({VARIABLE}=1 does the same)',
    )


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Add `--debug`, which `run_tool` reads."""
    parser.add_argument(
        '--debug', action='store_true', help='show the traceback of every error'
    )
