"""Write a smaller copy of Cityscapes: images, labels, disparity, cameras.

Example:
    python tools/dataset_converters/cityscapes.py DOWNLOAD --out data/cityscapes
"""

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402

NAMES = REPO / 'configs/_base_/splits/cityscapes'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; the converter knows the names of the parts."""
    import mmdepthseg.plugin  # noqa: F401  (quietly, before its parts)
    from mmdepthseg.datasets.converters import PACKAGES, SPLITS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', help='folder with the unpacked archives')
    parser.add_argument('--out', required=True, help='folder for the copy')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('W', 'H'),
        default=(1024, 512),
        help='size of the copy (default: 1024 512)',
    )
    parser.add_argument(
        '--packages',
        nargs='+',
        choices=list(PACKAGES),
        default=list(PACKAGES),
        help='parts to convert (default: all)',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=list(SPLITS),
        default=list(SPLITS),
        help='default: all',
    )
    parser.add_argument(
        '--image-format',
        choices=['png', 'jpg'],
        default='png',
        help='jpg is lossy and takes a fraction of the disk space; the configs then '
        "need img_suffix='_leftImg8bit.jpg' (default: png)",
    )
    parser.add_argument(
        '--jpg-quality',
        type=int,
        default=95,
        help='1 to 100, of images written as jpg (default: 95)',
    )
    parser.add_argument('--workers', type=int, help='threads (default: one per CPU)')
    parser.add_argument(
        '--allow-partial',
        action='store_true',
        help='convert an incomplete release',
    )
    add_debug(parser)
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert and report the files written."""
    from mmdepthseg.datasets.converters import ConvertOptions, convert_cityscapes
    from mmdepthseg.launch.config import check_writable
    from mmdepthseg.name_lists import read_names
    from mmdepthseg.utils.progress import Progress

    out = Path(args.out).expanduser()
    check_writable(out, 'folder of --out')
    names = {
        split: read_names(str(NAMES / f'{split}.txt'))
        for split in args.splits
        if (NAMES / f'{split}.txt').is_file()
    }
    manifest = convert_cityscapes(
        Path(args.source).expanduser(),
        out,
        ConvertOptions(tuple(args.size), args.image_format, args.jpg_quality),
        args.packages,
        args.splits,
        names,
        args.allow_partial,
        args.workers,
        Progress('cityscapes', 'files'),
    )
    print(f'{out}:')
    for name, count in manifest['files'].items():
        print(f'  {name}: {count:,} files')
    for gap in manifest['gaps'].values():
        print(f'  incomplete in the original: {gap}')
    if manifest['complete']:
        print('  all files of the official release')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, convert, argv)


if __name__ == '__main__':
    main()
