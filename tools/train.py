#!/usr/bin/env python
"""Train a model: `python tools/train.py CONFIG [--work-dir ...]`."""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_config_options, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; needs MMEngine."""
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
        help='continue from a checkpoint; without a path, from the newest in the work '
        'dir, or from the start if there is none',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 with loss scaling on a GPU, bfloat16 on a CPU',
    )
    add_config_options(parser, launcher=True)
    return parser.parse_args(argv)


def train(args: argparse.Namespace) -> None:
    """Build the runner from the config and train."""
    from mmdepthseg.launch.config import load_config, prepare_work_dir
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.launch.setup import (
        setup_distributed,
        setup_precision,
        setup_resume,
    )

    config = load_config(args.config, args.cfg_options)
    prepare_work_dir(config, args.config, args.work_dir)
    setup_resume(config, args.resume)
    setup_precision(config, args.amp)
    setup_distributed(config, args.launcher)
    needs = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    build_runner(config, needs, args.cfg_options).train()


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, train, argv)


if __name__ == '__main__':
    main()
