"""Export a trained network to ONNX, for segmentation, depth or both in one graph.

The graph takes any number of images (N, 3, H, W), float32 in 0..255, and normalises
them itself; its outputs are compared with torch's in onnxruntime. Needs the extra
`onnx`.

Example:
    python tools/export.py CONFIG CHECKPOINT --out model.onnx
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
    parser.add_argument('--out', required=True, metavar='FILE', help='file to write')
    parser.add_argument(
        '--what',
        choices=['segmentation', 'depth', 'both'],
        help='outputs of the graph (default: all that the model predicts)',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help="size of the images (default: that of the config's test)",
    )
    add_part(parser)
    add_config_options(parser)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Export and print the differences from torch."""
    from mmdepthseg.apis.onnx_export import export_onnx
    from mmdepthseg.launch.config import load_config

    done = export_onnx(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.out,
        what=args.what,
        size=args.size and tuple(args.size[::-1]),
        part=args.part,
        verbose=args.debug,
    )
    height, width = done.size
    print(f'{done.path}: images of {width}x{height}')
    for name, value in done.differences.items():
        print(f'{name}: largest difference from torch {value:.2g}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run, argv)


if __name__ == '__main__':
    main()
