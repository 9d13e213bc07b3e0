"""Render the built-in street world as a data set in the Cityscapes layout."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_debug, positive, run_tool  # noqa: E402
from mmdepthseg.streets import Options, render_dataset  # noqa: E402
from mmdepthseg.streets.visits import POOLS  # noqa: E402
from mmdepthseg.utils.progress import Progress  # noqa: E402


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    default = Options()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', required=True, help='folder of the data set')
    parser.add_argument(
        '--seed',
        type=int,
        default=default.seed,
        help='of the whole world (default: %(default)s)',
    )
    parser.add_argument('--clips', type=int, default=default.clips, help='train clips')
    parser.add_argument(
        '--val-clips', type=int, default=default.val_clips, help='validation clips'
    )
    parser.add_argument(
        '--frames',
        type=int,
        default=default.frames,
        help='frames per train clip, odd; the middle one is annotated, so that its '
        'moment depends on the number',
    )
    parser.add_argument(
        '--val-frames', type=int, default=default.val_frames, help='per val clip, odd'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('W', 'H'),
        default=default.size,
        help='size of the images in pixels',
    )
    parser.add_argument(
        '--supersample',
        type=int,
        default=default.supersample,
        help='samples per pixel and axis',
    )
    parser.add_argument(
        '--pool',
        choices=POOLS,
        default=default.pool,
        help='even: each train clip on another road; fleet: the same roads many times, '
        'long stops, rare places',
    )
    parser.add_argument(
        '--workers', type=positive, default=None, help='processes (default: all CPUs)'
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='afterwards check the requirements of the data set and print the results',
    )
    add_debug(parser)
    return parser.parse_args(argv)


def render(args: argparse.Namespace) -> bool:
    """Render the data set, and check it if asked to.

    Returns:
        Whether it is good, as far as it was checked.
    """
    options = Options(
        seed=args.seed,
        clips=args.clips,
        val_clips=args.val_clips,
        frames=args.frames,
        val_frames=args.val_frames,
        size=tuple(args.size),
        supersample=args.supersample,
        pool=args.pool,
    )
    if args.check:
        from mmdepthseg.streets import check

        check.check_neighbours(options)
    rendered = Progress('streets rendered', 'clips')
    render_dataset(args.out, options, args.workers, rendered)
    if not args.check:
        return True
    checked = Progress('streets checked', 'clips')
    report = check.check_dataset(args.out, options, checked)
    print(check.format_report(report))
    good = check.is_good(report)
    if not good:
        problem = 'nothing was measured, or a photometric ratio is above 0.2'
        print(f'streets: {problem}', file=sys.stderr)
    return good


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, render, argv, frameworks=False)


if __name__ == '__main__':
    main()
