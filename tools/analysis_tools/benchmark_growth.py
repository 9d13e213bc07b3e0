"""Measure how cost grows: of a step, of a data set's listing, of a selection.

`step`: CPU time and memory of a training step against the area of the images, their
number in a batch and the number of classes. `frames`: seconds and memory to list data
sets of so many frames with neighbours, in the Cityscapes layout and as clips.
`selection`: farthest point among so many frames, whose features stay on disk. Each
figure is that of a process of its own; the files are made first, in a temporary folder.

Examples:
    python tools/analysis_tools/benchmark_growth.py step
    python tools/analysis_tools/benchmark_growth.py frames --frames 1000 10000 100000
    python tools/analysis_tools/benchmark_growth.py selection --frames 10000 1000000
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

from mmdepthseg.launch.tool import (  # noqa: E402
    add_debug,
    add_json,
    positive,
    run_tool,
)
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import write_atomically  # noqa: E402

CONFIG = ROOT / 'configs/cityscapes/transfer-depthmix-gt_r101-d16_40k_512x512_n372.py'
CLASSES = 'model.segmentor.decode_head.num_classes'
#: Frames of a sequence, of a city and of a file with many names (ext4: 65,000).
SEQUENCE, CITY, LINKS = 30, 6000, 50_000
MIB = 2**20


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest='what', required=True, metavar='WHAT')
    step = what.add_parser('step', help='a training step')
    step.add_argument(
        '--config', default=str(CONFIG), help='of a mean teacher (default: DepthMix)'
    )
    step.add_argument(
        '--heights',
        type=int,
        nargs='+',
        default=[64, 128, 256],
        help='of images twice as wide, with the first batch and 19 classes',
    )
    step.add_argument(
        '--batches',
        type=int,
        nargs='+',
        default=[2, 4, 8],
        help='images of each branch, with the second height',
    )
    step.add_argument(
        '--classes', type=positive, nargs='+', default=[2, 19, 65, 150], help='numbers'
    )
    step.add_argument(
        '--depth', type=int, choices=(18, 50, 101), default=18, help='of the ResNet'
    )
    step.add_argument(
        '--steps', type=positive, default=3, help='of which the median counts'
    )
    frames = what.add_parser('frames', help='listing a data set')
    frames.add_argument(
        '--frames',
        type=positive,
        nargs='+',
        default=[1000, 10_000, 100_000],
        help='numbers',
    )
    frames.add_argument('--child', nargs=2, help=argparse.SUPPRESS)
    selection = what.add_parser('selection', help='selection by diversity')
    selection.add_argument(
        '--frames',
        type=positive,
        nargs='+',
        default=[10_000, 100_000, 1_000_000],
        help='numbers',
    )
    selection.add_argument(
        '--dims', type=positive, default=2048, help='of the features'
    )
    selection.add_argument(
        '--picks', type=positive, default=200, help='frames to choose'
    )
    selection.add_argument(
        '--data',
        choices=('gaussian', 'clips'),
        default='clips',
        help='see benchmark_selection.py',
    )
    for part in (step, frames, selection):
        part.add_argument('--work', help='folder for the files (default: temporary)')
        add_json(part)
        add_debug(part)
    return parser.parse_args(argv)


# -- a step ------------------------------------------------------------------------


def step_cases(args: argparse.Namespace) -> list[tuple[int, int, int]]:
    """Return height, batch and classes of each case: one of them changes at a time."""
    height, batch, classes = args.heights[:2][-1], args.batches[0], 19
    cases = [
        *((h, batch, classes) for h in args.heights),
        *((height, b, classes) for b in args.batches),
        *((height, batch, c) for c in args.classes),
    ]
    return list(dict.fromkeys(cases))


def step(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Yield the figures of each case."""
    from compare_steps import Side

    for height, batch, classes in step_cases(args):
        side = Side(
            'step',
            ROOT,
            config=args.config,
            options={CLASSES: classes},
            amp=False,
            plain=False,
            depth=args.depth,
            size=(height, 2 * height),
            batch=batch,
            threads=1,
            device='cpu',
        )
        try:
            side.answer()
            side.take(1)
            turns = [side.take(1) for _ in range(args.steps)]
        finally:
            side.end()
        yield dict(
            size=f'{height}x{2 * height}',
            batch=batch,
            classes=classes,
            cpu_s=statistics.median(turn['seconds'] for turn in turns),
            peak_mib=max(turn['peak'] for turn in turns),
        )


# -- listing -----------------------------------------------------------------------


class Names:
    """Gives one small file many names.

    Args:
        folder: For the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def add(self, path: str) -> None:
        """Add a name."""
        source = self.folder / f'source{self.count // LINKS}'
        if self.count % LINKS == 0:
            source.write_bytes(b'x')
        os.link(source, path)
        self.count += 1


def write_layout(root: Path, frames: int) -> None:
    """Write sequences in the Cityscapes layout; of each, one frame has a label."""
    names = Names(root)
    kinds = dict(
        leftImg8bit_sequence='leftImg8bit.png',
        leftImg8bit='leftImg8bit.png',
        gtFine='gtFine_labelIds.png',
        camera='camera.json',
    )
    for index in range(frames):
        city = f'city{index // CITY}'
        sequence, number = divmod(index % CITY, SEQUENCE)
        if index % CITY == 0:
            for kind in kinds:
                (root / kind / 'train' / city).mkdir(parents=True)
        all_of_it = [*kinds] if number == SEQUENCE // 2 else ['leftImg8bit_sequence']
        for kind in all_of_it:
            file = f'{city}_{sequence:06d}_{number:06d}_{kinds[kind]}'
            names.add(f'{root}/{kind}/train/{city}/{file}')


def write_clips(root: Path, frames: int) -> None:
    """Write clips of 6,000 frames."""
    names, camera = Names(root), dict(K=[[9, 0, 8], [0, 9, 4], [0, 0, 1]])
    for index in range(frames):
        clip, number = divmod(index, CITY)
        folder = root / f'clips/clip{clip}'
        if number == 0:
            (folder / 'frames').mkdir(parents=True)
            text = json.dumps(dict(camera, width=16, height=8))
            (folder / 'intrinsics.json').write_text(text)
        names.add(f'{folder}/frames/{number}.jpg')


LAYOUTS = dict(cityscapes=write_layout, clips=write_clips)


def list_frames(kind: str, root: str) -> dict:
    """List a data set in this process; return seconds and memory."""
    from step_worker import memory, reset_peak

    from mmdepthseg.datasets import CityscapesSequenceDataset, ClipDataset

    same: dict = dict(offsets=(-1, 1), pipeline=[])
    reset_peak()
    before, wall, cpu = memory('VmRSS'), time.monotonic(), time.process_time()
    dataset = (
        CityscapesSequenceDataset(data_root=root, frames='sequence', **same)
        if kind == 'cityscapes'
        else ClipDataset(data_root=f'{root}/clips', **same)
    )
    return dict(
        samples=len(dataset),
        cpu_s=time.process_time() - cpu,
        wall_s=time.monotonic() - wall,
        peak_mib=memory('VmHWM') - before,
        kept_mib=(dataset.data_bytes.nbytes + dataset.data_address.nbytes) / MIB,
    )


def frames(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Yield the figures of each data set."""
    for count in args.frames:
        for kind, write in LAYOUTS.items():
            root = folder / f'{kind}_{count}'
            root.mkdir()
            write(root, count)
            command = [__file__, 'frames', '--child', kind, str(root)]
            yield dict(layout=kind, frames=count, **_child(command))
            shutil.rmtree(root)


# -- selection ---------------------------------------------------------------------


def selection(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Yield the figures of each pool."""
    from benchmark_selection import write_features

    for count in args.frames:
        path = folder / f'{args.data}_{count}.npy'
        needed = 2 * count * args.dims
        if shutil.disk_usage(folder).free < needed + 2**30:
            raise UserError(f'{folder}: {needed / 2**30:.1f} GiB are needed there')
        write_features(path, args.data, (count, args.dims), 'float16')
        tool = str(HERE / 'benchmark_selection.py')
        figures = _child([tool, '--child', path, 'blocked', args.picks, 'cpu'])
        path.unlink()
        yield dict(
            frames=count,
            features_gib=needed / 2**30,
            cpu_s=figures['cpu_s'],
            wall_s=figures['wall_s'],
            above_features_mib=figures['above_features_mib'],
            share_of_distances=figures['pairs'] / (count * args.picks),
        )


def _child(command: list) -> dict:
    """Run a tool as a process of its own; return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f'{command[1]}: exit code {done.returncode}, see above')
    return json.loads(done.stdout.splitlines()[-1])


# -- all ---------------------------------------------------------------------------


def benchmark(args: argparse.Namespace) -> None:
    """Measure and print one of the tables."""
    if getattr(args, 'child', None):
        print(json.dumps(list_frames(*args.child)))
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        for row in dict(step=step, frames=frames, selection=selection)[args.what](
            args, Path(folder)
        ):
            if not rows:
                print('| ' + ' | '.join(row) + ' |\n' + '|---' * len(row) + '|')
            cells = (
                f'{v:,.4g}' if isinstance(v, float) else f'{v}' for v in row.values()
            )
            print('| ' + ' | '.join(cells) + ' |', flush=True)
            rows.append(row)
            if args.json:  # after each row: a later one may fail
                write_atomically(args.json, json.dumps(rows, indent=1).encode())


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    main()
