"""Predict an image, a folder of images, a clip or a video: labels, depth, pictures.

Examples:
    python tools/predict.py CONFIG CHECKPOINT street.jpg --out predictions
    python tools/predict.py CONFIG CHECKPOINT drive.mp4 --out predictions
"""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_config_options, add_part, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        'input', help='image, folder of images, clip (its images in frames/) or video'
    )
    parser.add_argument('--out', required=True, help='folder to write to')
    add_part(parser)
    parser.add_argument(
        '--batch-size', type=int, default=4, help='frames per pass (default: 4)'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: best)')
    parser.add_argument(
        '--opacity',
        type=float,
        default=0.5,
        help='weight of the labels in the overlays, 0..1 (default: 0.5)',
    )
    parser.add_argument(
        '--fps',
        type=float,
        help="frames per second of side_by_side.mp4 (default: a video file's own; "
        'folders get no video without it)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='first remove predictions in --out that were made with something else',
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Predict and say what was written."""
    from mmdepthseg.apis import predict
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.utils.progress import Progress

    done = predict(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.input,
        args.out,
        batch_size=args.batch_size,
        device=args.device,
        part=args.part,
        opacity=args.opacity,
        fps=args.fps,
        overwrite=args.overwrite,
        progress=Progress('predictions'),
    )
    print(f'{done.folder}: {done.fresh} of {done.frames} frames predicted now')
    if done.video is not None:
        print(done.video)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run, argv)


if __name__ == '__main__':
    main()
