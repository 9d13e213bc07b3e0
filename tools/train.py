#!/usr/bin/env python
"""Train a model: `python tools/train.py CONFIG [--work-dir ...]`."""

import argparse
import os
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.errors import friendly_errors  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; needs MMEngine."""
    from mmdepthseg.launch.config import OPTIONS_HELP, OptionsAction

    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help="folder for logs and checkpoints (default: the config's, or "
        'work_dirs/<config name>)',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a path, from the newest in the work '
        'dir, or from the start when there is none',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 with loss scaling on a GPU, bfloat16 on CPU',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help=OPTIONS_HELP,
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    parser.add_argument(
        '--debug', action='store_true', help='show the traceback of every error'
    )
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def train(args: argparse.Namespace) -> None:
    """Build the runner from the config and train."""
    from mmdepthseg.launch.config import load_config, prepare_work_dir
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.launch.setup import (
        check_gpus,
        setup_distributed,
        setup_precision,
        setup_resume,
    )
    from mmdepthseg.plugin import register_all_modules

    check_gpus(args.launcher)
    config = load_config(args.config, args.cfg_options)
    prepare_work_dir(config, args.config, args.work_dir)
    setup_resume(config, args.resume)
    register_all_modules(init_default_scope=False)
    setup_precision(config, args.amp)
    setup_distributed(config, args.launcher)
    needs = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    build_runner(config, needs=needs).train()


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with friendly_errors(debug='--debug' in (sys.argv if argv is None else argv)):
        from mmdepthseg.utils.compat import require_frameworks

        require_frameworks()
        train(parse_args(argv))


if __name__ == '__main__':
    main()
    # Here and not in main(), which may be called again by the same process.
    from mmdepthseg.launch.setup import leave_distributed

    leave_distributed()
