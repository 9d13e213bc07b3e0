"""Convert weights of Hoyer et al. (CVPR 2021) into a checkpoint.

Takes the folder of a self-supervised depth network (encoder.pth, depth.pth,
pose_encoder.pth, pose.pth), or the best_model*.pkl of such a network, of a segmentation
network (exp. 210, 211) or of a multi-task network (exp. 212).

Example:
    python tools/model_converters/authors.py DOWNLOADED/mono_cityscapes/ sde.pth
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

    run('authors', args)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, convert, argv)


if __name__ == '__main__':
    main()
