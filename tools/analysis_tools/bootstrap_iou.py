r"""How sure is a mIoU, and a difference, on so many validation images?

Draws images from those of a test again and again, with replacement, and prints the
standard deviation of the mIoU over the draws. With several files also that of the
difference to the first, over the same images.

The test must have written the pixels of each image:
    python tools/test.py CONFIG CHECKPOINT --cfg-options \
        +test_evaluator.areas_file=work_dirs/areas/NAME

Example:
    python tools/analysis_tools/bootstrap_iou.py work_dirs/areas/*.npz --images 20 200
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('files', nargs='+', help='of IoUMetric(areas_file=...)')
    parser.add_argument(
        '--images',
        type=int,
        nargs='+',
        metavar='N',
        help='how many images to draw (default: as many as there are)',
    )
    parser.add_argument(
        '--draws',
        type=int,
        default=1000,
        help='number of draws of images (default: 1000)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the draws (default: 0)')
    add_debug(parser)
    return parser.parse_args(argv)


def show(args: argparse.Namespace) -> None:
    """Print a Markdown table of all files."""
    from mmdepthseg.evaluation.bootstrap import mean_iou, read_areas, resampled_iou
    from mmdepthseg.utils.errors import refuse

    fewest = min(args.images or [1])
    refuse(
        'bootstrap_iou',
        {
            f'--images {fewest}: expected at least 1': fewest < 1,
            f'--draws {args.draws}: expected at least 2, for a standard deviation': (
                args.draws < 2
            ),
            f'--seed {args.seed}: expected at least 0': args.seed < 0,
        },
    )
    areas = read_areas(args.files)
    sizes = args.images or [len(areas[0])]
    drawn = [resampled_iou(areas, n, args.draws, args.seed) for n in sizes]
    print(f'Standard deviation over {args.draws} draws of n images, mIoU in %')
    heads = ['mIoU', *(f'n={n}' for n in sizes)]
    if len(areas) > 1:
        heads += ['difference to the first', *(f'n={n}' for n in sizes)]
    print('\n| file | ' + ' | '.join(heads) + ' |')
    print('|---' * (len(heads) + 1) + '|')
    for place, (path, own) in enumerate(zip(args.files, areas, strict=True)):
        row = [f'{mean_iou(own):.2f}', *(f'{d[place].std(ddof=1):.2f}' for d in drawn)]
        if place:
            row.append(f'{mean_iou(own) - mean_iou(areas[0]):+.2f}')
            row += [f'{(d[place] - d[0]).std(ddof=1):.2f}' for d in drawn]
        elif len(areas) > 1:
            row += ['-'] * (1 + len(drawn))
        print(f'| {Path(path).stem} | ' + ' | '.join(row) + ' |')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, show, argv, frameworks=False)


if __name__ == '__main__':
    main()
