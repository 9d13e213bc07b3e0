"""Convert weights of Monodepth2 (Godard et al., ICCV 2019) into a checkpoint.

Takes the folder of a published model with a ResNet encoder and, for monocular training,
a separate pose encoder: encoder.pth, depth.pth (and pose_encoder.pth, pose.pth).

Example:
    python tools/model_converters/monodepth2.py DOWNLOADED/mono_640x192/ sde.pth
"""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from mmdepthseg.launch.tool import run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from conversion import parse_args

    return parse_args(__doc__, argv)


def convert(args: argparse.Namespace) -> None:
    """Convert and report."""
    from conversion import run

    run('monodepth2', args)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, convert, argv)


if __name__ == '__main__':
    main()
