"""Write the weights of a checkpoint alone, to pass them on; the name gets their hash.

Optimiser, configs and paths are left out, of a mean teacher also the other network.

Example:
    python tools/publish.py work_dirs/depthmix/iter_900.pth --out depthmix_streets.pth
"""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_debug, add_part, add_trust, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument(
        '--out',
        required=True,
        metavar='NAME.pth',
        help='file to write: NAME-<first 8 digits of its SHA-256>.pth',
    )
    add_part(parser)
    add_trust(parser)
    add_debug(parser)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Publish and print the name of the file."""
    from mmdepthseg.checkpoints.publishing import publish

    path = publish(args.checkpoint, args.out, args.part)
    before, after = Path(args.checkpoint).expanduser().stat(), path.stat()
    sizes = [f'{state.st_size / 2**20:.1f} MiB' for state in (before, after)]
    print(f'{path} ({" -> ".join(sizes)})')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run, argv)


if __name__ == '__main__':
    main()
