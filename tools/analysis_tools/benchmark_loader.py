"""Measure how many samples a second one core loads, against a plain loader.

Four kinds of samples, each with its config's own data set, pipeline and data
preprocessor: the triplets of self-supervised depth, labelled images, mix images with
depth labels, and labelled triplets of multi-task learning. The second side loads the
same files as a careful first version would (`plain_form/loader.py`), or with another
version of this package. Each side runs in a process of its own, without workers; they
take turns. The time is CPU time: reading, transforms, collating and the preprocessor.

The images are rendered (streets at 2048x1024, about as large as those of Cityscapes as
png and jpg) and shrunk to the stored size, in a temporary folder.

Examples:
    python tools/analysis_tools/benchmark_loader.py
    python tools/analysis_tools/benchmark_loader.py --stored 1024 512 --plain wasteful
    python tools/analysis_tools/benchmark_loader.py --against-tree OTHER_CHECKOUT
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

from compare_steps import Side  # noqa: E402

from mmdepthseg.launch.tool import (  # noqa: E402
    add_config_options,
    add_json,
    positive,
    run_tool,
)
from mmdepthseg.utils.files import write_atomically  # noqa: E402
from mmdepthseg.utils.stamp import Stamp  # noqa: E402

CONFIGS = {
    'triplet': 'sde-phase1_r101-d16_300k_512x512.py',
    'labelled': 'scratch_r101-d16_40k_512x512_n372.py',
    'mix': 'transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
    'multi-task': 'pad-transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
}
FULL, FRAMES, DEPTH_SIZE = (2048, 1024), 3, (1024, 512)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=CONFIGS,
        default=list(CONFIGS),
        help='kinds of samples (default: all)',
    )
    parser.add_argument(
        '--formats',
        nargs='+',
        choices=('jpg', 'png'),
        default=['jpg', 'png'],
        help='formats of the images (default: both)',
    )
    parser.add_argument(
        '--stored',
        type=int,
        nargs=2,
        default=FULL,
        metavar=('W', 'H'),
        help='size of the image files (default: 2048 1024)',
    )
    parser.add_argument(
        '--quality', type=int, default=95, help='of the jpg files (default: 95)'
    )
    parser.add_argument(
        '--clips', type=positive, default=3, help='clips of three frames (default: 3)'
    )
    parser.add_argument(
        '--data-root',
        help='a data set in the layout of Cityscapes instead, with images of one '
        'format (--formats) and depth labels in depth_labels',
    )
    parser.add_argument(
        '--keep', help='make the images in this folder, and find them there again'
    )
    parser.add_argument(
        '--plain',
        choices=('lean', 'wasteful'),
        default='lean',
        help="'wasteful' also does what the paper's own loader is known to do: the "
        'triplets at four scales, twice, and one-hot labels (default: lean)',
    )
    parser.add_argument(
        '--against-tree',
        type=Path,
        help='compare with this checkout of the package instead of the plain form',
    )
    parser.add_argument(
        '--batch-size', type=positive, default=4, help='samples of a batch'
    )
    parser.add_argument('--pairs', type=positive, default=7, help='pairs of turns')
    parser.add_argument('--batches', type=positive, default=2, help='batches of a turn')
    add_json(parser)
    add_config_options(parser)
    return parser.parse_args(argv)


def make_images(
    root: Path, clips: int, stored: tuple[int, int], quality: int, full=FULL
) -> None:
    """Render a small data set in the layout of Cityscapes.

    Args:
        root: Its folder, with a whole data set in each of `jpg` and `png`.
        clips: Number of clips of three frames, the middle one annotated.
        stored: (width, height) of the image and label files.
        quality: Of the jpg files.
        full: (width, height) of the rendered images, to which the cameras belong.
    """
    import cv2
    import numpy as np

    from mmdepthseg.cityscapes import json_bytes, png_bytes
    from mmdepthseg.datasets.converters.resampling import shrink_image, shrink_label
    from mmdepthseg.streets.dataset import Options, render_clip
    from mmdepthseg.streets.layout import clip_files

    options = Options(size=full, clips=clips, frames=FRAMES, supersample=1)
    for number in range(clips):
        clip = render_clip(options, 'train', number)
        files = clip_files('train', clip.city, clip.sequence, FRAMES)
        for name, (kind, index) in files.items():
            frame = clip.frames[index or 0]
            if kind == 'image':
                image = shrink_image(frame.image, stored)
                coded = cv2.imencode(
                    '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality]
                )[1]
                jpg = root / 'jpg' / Path(name).with_suffix('.jpg')
                write_atomically(jpg, coded.tobytes())
                write_atomically(root / 'png' / name, png_bytes(image))
                continue
            if kind == 'label':
                content = png_bytes(shrink_label(frame.label, stored))
            elif kind == 'camera':
                width, height = full
                camera = dict(clip.camera.as_json(), width=width, height=height)
                content = json_bytes(camera)
            elif kind == 'disparity':  # the depth label
                depth = cv2.resize(frame.depth, DEPTH_SIZE)
                disparity = 0.5 / np.maximum(depth, 0.5) * 65535
                content = png_bytes(disparity.astype(np.uint16))
                stem = Path(name).name.removesuffix('_disparity.png')
                name = f'depth_labels/{clip.city}/{stem}.png'
            else:
                continue
            for kept in ('jpg', 'png'):
                write_atomically(root / kept / name, content)


def sides(args: argparse.Namespace, kind: str, kept: str, root: Path) -> list[dict]:
    """Return what the processes of both sides are asked for."""
    config = f'configs/cityscapes/{CONFIGS[kind]}'
    own = dict(
        kind=kind,
        config=str(ROOT / config),
        options=args.cfg_options,
        data_root=args.data_root or str(root / kept),
        suffix=f'_leftImg8bit.{kept}',
        batch=args.batch_size,
        plain=None,
    )
    other = dict(own, plain=args.plain)
    if args.against_tree:
        other = dict(own, config=str(args.against_tree.resolve() / config))
    return [own, other]


def measure(args: argparse.Namespace, kind: str, kept: str, root: Path) -> dict:
    """Let both sides take turns; return the figures of a kind of samples."""
    first, second = sides(args, kind, kept, root)
    tree = args.against_tree.resolve() if args.against_tree else ROOT
    processes = [
        Side('first side', ROOT, worker='loader_worker.py', **first),
        Side('second side', tree, worker='loader_worker.py', **second),
    ]
    try:
        for side in processes:
            side.answer()
            side.take(1)
        turns = [
            [side.take(args.batches) for side in processes] for _ in range(args.pairs)
        ]
    finally:
        for side in processes:
            side.end()
    return summary(turns, args.batches * args.batch_size)


def summary(turns: list[list[dict]], samples: int) -> dict:
    """Return samples a second of both sides, and how many times as many are ours."""
    ratios = [other['seconds'] / own['seconds'] for own, other in turns]
    seconds = [
        statistics.median(turn['seconds'] for turn in side) for side in zip(*turns)
    ]
    shares = [own['preprocessor'] / own['seconds'] for own, _ in turns]
    return dict(
        samples_per_second=[samples / value for value in seconds],
        times=statistics.median(ratios),
        least=min(ratios),
        largest=max(ratios),
        preprocessor_share=statistics.median(shares),
    )


def compare(args: argparse.Namespace) -> None:
    """Measure all kinds of samples and formats, and print the figures."""
    figures: dict[str, dict] = {}
    name = str(args.against_tree or f'the {args.plain} plain form')
    print(f'samples a second and core against {name}, {args.pairs} pairs')
    with contextlib.ExitStack() as stack:
        root = Path(
            args.data_root
            or args.keep
            or stack.enter_context(tempfile.TemporaryDirectory())
        )
        if not args.data_root:
            stamp = Stamp(
                root / 'images.json',
                'the images',
                dict(clips=args.clips, stored=args.stored, quality=args.quality),
                cure='Give another folder for --keep.',
            )
            if not stamp.begin(taken=[root / 'png', root / 'jpg']):
                make_images(root, args.clips, tuple(args.stored), args.quality)
                stamp.finish()
        for kept in args.formats:
            for kind in args.kinds:
                found = figures[f'{kind} {kept}'] = measure(args, kind, kept, root)
                own, other = found['samples_per_second']
                print(
                    f'  {kind:<11}{kept:<4}{own:8.1f} against {other:7.1f}; '
                    f'{found["times"]:.2f} times ({found["least"]:.2f} - '
                    f'{found["largest"]:.2f}), {found["preprocessor_share"]:.0%} of '
                    'ours in the preprocessor',
                    flush=True,
                )
                if args.json:  # after each kind: a later one may fail
                    write_atomically(args.json, json.dumps(figures, indent=1).encode())


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, compare, argv)


if __name__ == '__main__':
    main()
