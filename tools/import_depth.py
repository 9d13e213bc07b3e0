"""Make depth labels of depth maps that you have: a network's, a stereo camera's, ...

SOURCE holds a map for each image of --images, with the same name: .npy, TIFF, or PNG of
16 bits (not 8); 0, negative values, NaN and infinity mean "not measured". The labels
are for mixing (DepthMix), for networks that learn from depth labels, and for the choice
of frames (tools/select_samples.py --depth-labels).

Examples:
    python tools/import_depth.py anything/ --kind disparity --images data/clips --out data/clips_depth_labels
    python tools/import_depth.py kitti/ --kind depth --divisor 256 --images data/clips --out data/clips_depth_labels
"""  # noqa: E501

import argparse
import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402

SHEET = 'contact_sheet.png'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='folder of the depth maps')
    parser.add_argument(
        '--kind',
        required=True,
        choices=['depth', 'inverse-depth', 'disparity'],
        help='meaning of values x scale: metres, 1 / metres, or a disparity in [0, 1] '
        '(near is large) up to a factor that is the same for all maps',
    )
    factor = parser.add_mutually_exclusive_group()
    factor.add_argument(
        '--scale',
        type=float,
        help='factor of the values (default: 1; for disparity 1 / the largest value of '
        'all maps). Stereo disparity in pixels is inverse depth with 1 / (fx x '
        'baseline)',
    )
    factor.add_argument(
        '--divisor', type=float, help='1 / scale, such as 256 for PNG as of KITTI'
    )
    parser.add_argument(
        '--images', required=True, help='folder of the images, or of clips'
    )
    parser.add_argument('--out', required=True, help='folder of the labels')
    parser.add_argument(
        '--min-depth',
        type=float,
        default=0.1,
        help='metres that become disparity 1; nearer pixels, too (default: 0.1; not '
        'for disparity)',
    )
    parser.add_argument(
        '--max-depth',
        type=float,
        default=100.0,
        help='metres that become disparity 0; farther pixels, too (default: 100; not '
        'for disparity)',
    )
    parser.add_argument(
        '--fill',
        choices=['nearest'],
        help='give pixels that are not measured the nearest value; sparse depth is '
        'refused without',
    )
    parser.add_argument(
        '--map-suffix', help="end of the maps' names, such as _depth.png"
    )
    parser.add_argument(
        '--image-suffix', help="end of the images' names, such as _leftImg8bit.png"
    )
    parser.add_argument(
        '--frames-dir',
        default='frames',
        help="folder of the frames within a clip, which is not part of the frames' "
        'names (default: frames; KITTI odometry: image_2)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='first remove labels in --out that were made of something else',
    )
    add_debug(parser)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Import, print counts and draw the sheet."""
    from mmdepthseg.datasets.depth_maps import MAPS, DepthKind
    from mmdepthseg.datasets.imported_depth import import_depth
    from mmdepthseg.names import FRAMES
    from mmdepthseg.utils.errors import UserError, listed
    from mmdepthseg.utils.files import check_writable
    from mmdepthseg.utils.pictures import write_picture
    from mmdepthseg.utils.progress import Progress
    from mmdepthseg.visualization.drawing import (
        color_disparity,
        contact_sheet,
        overlay,
    )

    if args.divisor is not None and not args.divisor > 0:
        raise UserError(f'--divisor must be positive, got {args.divisor}')
    out = Path(args.out).expanduser()
    check_writable(out, 'folder of --out')
    scale = args.scale if args.divisor is None else 1 / args.divisor
    done = import_depth(
        args.source,
        args.images,
        out,
        DepthKind(args.kind, scale, args.min_depth, args.max_depth, args.fill),
        map_suffixes=(args.map_suffix,) if args.map_suffix else MAPS,
        image_suffixes=(args.image_suffix,) if args.image_suffix else FRAMES,
        frames_dir=args.frames_dir,
        overwrite=args.overwrite,
        progress=Progress('depth labels', 'maps'),
    )
    rows = []
    for name, image, disparity in done.sheet:
        colors = color_disparity(disparity)
        size = image.shape[1::-1]
        over = overlay(image, _resized(colors, size))
        rows.append([(name, image), ('depth, grey: none', colors), ('both', over)])
    write_picture(out / SHEET, contact_sheet(rows))
    print(
        f'{out}: {done.written} labels written, {done.total - done.written} were there'
    )
    if done.written:
        print(f'pixels measured: {done.measured:.1%}; scale {done.scale:g}')
    if done.left_over:
        print(f'{len(done.left_over)} maps without an image: {listed(done.left_over)}')
    print(f'Look at {out / SHEET}: depth must fit the image, near is bright')


def _resized(image, size):
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run, argv)


if __name__ == '__main__':
    main()
