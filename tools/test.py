#!/usr/bin/env python
"""Evaluate a trained model: `python tools/test.py CONFIG CHECKPOINT`."""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_config_options, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; needs MMEngine."""
    parser = argparse.ArgumentParser(description='Evaluate a trained model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help="folder for the log and the figures as JSON (default: the config's, or "
        'work_dirs/<config name>)',
    )
    parser.add_argument(
        '--out',
        metavar='FOLDER',
        help='write the predicted label maps to FOLDER/<clip or city>/<frame>.png',
    )
    parser.add_argument(
        '--show', action='store_true', help='show each prediction in a window'
    )
    parser.add_argument(
        '--show-dir',
        metavar='FOLDER',
        help='draw the predictions into FOLDER/.../vis_image/test/<clip or city>/',
    )
    parser.add_argument(
        '--wait-time', type=float, default=2.0, help='seconds per shown image'
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation with the config's tta_model and tta_pipeline",
    )
    add_config_options(parser, launcher=True)
    return parser.parse_args(argv)


def evaluate(args: argparse.Namespace) -> None:
    """Build the runner from the config and test."""
    from mmdepthseg.launch import evaluation_switches
    from mmdepthseg.launch.config import (
        check_checkpoint_file,
        load_config,
        prepare_work_dir,
    )
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.launch.setup import setup_distributed

    config = load_config(args.config, args.cfg_options)
    prepare_work_dir(config, args.config, args.work_dir)
    config.load_from = check_checkpoint_file(args.checkpoint)
    config.resume = False
    if args.show or args.show_dir:
        evaluation_switches.enable_drawing(
            config, args.show, args.show_dir, args.wait_time
        )
    if args.tta:
        evaluation_switches.enable_tta(config, args.cfg_options or ())
    if args.out:
        evaluation_switches.enable_output(config, args.out)
    setup_distributed(config, args.launcher)
    needs = ('test_dataloader', 'test_cfg', 'test_evaluator')
    build_runner(config, needs=needs).test()


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, evaluate, argv)


if __name__ == '__main__':
    main()
