#!/usr/bin/env python
"""Train, and measure the memory and the open files over the iterations.

What a run of days would use up shows in a run of minutes as a slope: the second half of
the curve is fitted by a line. Memory is the resident memory of the process and of its
loader workers; files are those of the process. The curve is drawn if matplotlib is
installed. Linux only.

Example:
    python tools/analysis_tools/watch_resources.py configs/streets/NAME.py \
        --iters 5000 --out work_dirs/watch
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_config_options, positive, run_tool  # noqa: E402
from mmdepthseg.utils.files import check_writable, write_atomically  # noqa: E402

PAGE_MB = os.sysconf('SC_PAGE_SIZE') / 2**20
#: Points without which there is no slope.
FEWEST = 4


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the training')
    parser.add_argument(
        '--iters',
        type=positive,
        default=5000,
        help='iterations to train (default: 5000)',
    )
    parser.add_argument(
        '--every', type=positive, default=10, help='iterations per point'
    )
    parser.add_argument('--out', required=True, help='folder of curve, log, weights')
    add_config_options(parser)
    return parser.parse_args(argv)


def resources() -> tuple[float, int]:
    """Return the resident memory in MB, and the number of open files."""
    processes = ['self']
    for task in Path('/proc/self/task').glob('*/children'):
        processes += task.read_text().split()
    memory = 0.0
    for process in processes:
        try:
            pages = Path(f'/proc/{process}/statm').read_text().split()[1]
        except OSError:  # it has ended meanwhile
            continue
        memory += int(pages) * PAGE_MB
    return memory, len(os.listdir('/proc/self/fd'))


def slopes(points: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the growth of both per 1000 iterations, over the second half.

    Args:
        points: (iteration, MB, files), at least four.
    """
    import numpy as np

    half = np.asarray(points, float)[len(points) // 2 :]
    memory, files = (np.polyfit(half[:, 0], half[:, i], 1)[0] for i in (1, 2))
    return 1000 * float(memory), 1000 * float(files)


def watch(args: argparse.Namespace) -> None:
    """Train and write the curve."""
    from mmengine.hooks import Hook

    from mmdepthseg.launch.config import load_config, prepare_work_dir
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.utils.errors import UserError

    if args.iters < FEWEST * args.every:
        raise UserError(
            f'--iters must be at least {FEWEST} times --every ({args.every})'
        )
    check_writable(args.out, 'folder of --out')
    points: list[tuple[int, float, int]] = []

    class Watch(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if self.every_n_train_iters(runner, args.every):
                points.append((runner.iter + 1, *resources()))

    config = load_config(args.config, args.cfg_options)
    config.train_cfg['max_iters'] = args.iters
    prepare_work_dir(config, args.config, args.out)
    needs = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    runner = build_runner(config, needs=needs)
    runner.register_hook(Watch())
    try:
        runner.train()
    finally:  # also the curve of a run that was stopped
        if len(points) >= FEWEST:
            report(points, Path(args.out))
        else:
            print(f'{len(points)} points: too few to report ({FEWEST})')


def report(points: Sequence[tuple[int, float, int]], out: Path) -> None:
    """Write figures and curve, and print them in a line."""
    memory, files = slopes(points)
    data = dict(points=points, mb_per_1000=memory, files_per_1000=files)
    write_atomically(out / 'resources.json', json.dumps(data).encode())
    draw(points, out / 'resources.png')
    (_, mb, count), (last, mb_last, count_last) = points[0], points[-1]
    print(
        f'{mb:.0f} MB and {count} files at first, {mb_last:.0f} MB and {count_last} '
        f'files after {last} iterations; over the second half {memory:+.1f} MB and '
        f'{files:+.2f} files per 1000 iterations: {out}/resources.json'
    )


def draw(points: Sequence[Sequence[float]], path: Path) -> None:
    """Draw both curves, if matplotlib is there."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use('Agg')
    from matplotlib import pyplot

    at, memory, files = zip(*points)
    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(7, 5))
    for place, values, name in zip(axes, (memory, files), ('MB resident', 'files')):
        place.plot(at, values)
        place.set_ylabel(name)
        place.set_ylim(0, 1.2 * max(values))
    axes[1].set_xlabel('iteration')
    figure.savefig(path, bbox_inches='tight')
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, watch, argv)


if __name__ == '__main__':
    main()
