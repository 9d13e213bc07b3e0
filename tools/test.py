#!/usr/bin/env python
"""Evaluate a trained model: `python tools/test.py CONFIG CHECKPOINT`."""

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

    parser = argparse.ArgumentParser(description='Evaluate a trained model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help="folder for the log and the figures as JSON (default: the config's, or "
        'work_dirs/<config name>)',
    )
    parser.add_argument(
        '--out', metavar='FOLDER', help='write the predicted label maps there'
    )
    parser.add_argument(
        '--show', action='store_true', help='show each prediction in a window'
    )
    parser.add_argument(
        '--show-dir',
        metavar='FOLDER',
        help='paint the predictions; they go to FOLDER/vis_data/vis_image',
    )
    parser.add_argument(
        '--wait-time', type=float, default=2.0, help='seconds per shown image'
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation, by the config's tta_model and tta_pipeline",
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


def evaluate(args: argparse.Namespace) -> None:
    """Build the runner from the config and test."""
    from mmdepthseg.launch import test_switches
    from mmdepthseg.launch.config import (
        check_checkpoint_file,
        load_config,
        prepare_work_dir,
    )
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.launch.setup import check_gpus, setup_distributed
    from mmdepthseg.plugin import register_all_modules

    check_gpus(args.launcher)
    config = load_config(args.config, args.cfg_options)
    prepare_work_dir(config, args.config, args.work_dir)
    config.load_from = check_checkpoint_file(args.checkpoint)
    config.resume = False
    register_all_modules(init_default_scope=False)
    if args.show or args.show_dir:
        test_switches.enable_drawing(config, args.show, args.show_dir, args.wait_time)
    if args.tta:
        test_switches.enable_tta(config)
    if args.out:
        test_switches.enable_output(config, args.out)
    setup_distributed(config, args.launcher)
    needs = ('test_dataloader', 'test_cfg', 'test_evaluator')
    build_runner(config, needs=needs).test()


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with friendly_errors(debug='--debug' in (sys.argv if argv is None else argv)):
        from mmdepthseg.utils.compat import require_frameworks

        require_frameworks()
        evaluate(parse_args(argv))


if __name__ == '__main__':
    main()
    # Here and not in main(), which may be called again by the same process.
    from mmdepthseg.launch.setup import leave_distributed

    leave_distributed()
