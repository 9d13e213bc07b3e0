"""Compare two training steps in alternating pairs.

The first side is the step of a config; the second the same work in plain torch, as the
paper's formulas read (`plain_form/`), or another config, or the same config with
another version of this package. Each side runs in a process of its own, on one random
batch; they take turns. On a CPU the time is CPU time, which other processes hardly
change, and the peak memory is that above what importing takes; on a GPU it is the time
and the memory of the device, and the share of the time in which it waits. Ratios below
1: the first side is cheaper.

Examples:
    python tools/analysis_tools/compare_steps.py CONFIG
    python tools/analysis_tools/compare_steps.py CONFIG --against CONFIG \
        --against-tree OTHER_CHECKOUT
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from step_worker import LEVELS  # noqa: E402

from mmdepthseg.launch.options import OptionsAction  # noqa: E402
from mmdepthseg.launch.tool import (  # noqa: E402
    add_config_options,
    add_json,
    positive,
    run_tool,
)
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import write_atomically  # noqa: E402

PLAIN = 'plain'
#: Steps whose kernels are recorded on a GPU.
PROFILED = 5
SHARED = ('depth', 'size', 'threads', 'device')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help="config of one of the paper's trainings")
    parser.add_argument(
        '--against', default=PLAIN, help="'plain' (default) or another config"
    )
    parser.add_argument(
        '--against-tree', default=ROOT, type=Path, help='checkout of the second side'
    )
    parser.add_argument(
        '--against-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help='like --cfg-options, of the second side',
    )
    add_network(parser, depth=18, size=(128, 256))
    parser.add_argument(
        '--batch-size', type=positive, default=2, help='images of each branch'
    )
    parser.add_argument('--pairs', type=positive, default=7, help='pairs of turns')
    parser.add_argument('--steps', type=positive, default=1, help='steps of a turn')
    parser.add_argument('--warmup', type=int, default=2, help='steps before the first')
    parser.add_argument('--threads', type=int, default=1, help='torch threads (CPU)')
    parser.add_argument('--device', default='cpu', help='cpu (default) or cuda')
    first = parser.add_argument_group('of the first side only')
    first.add_argument('--amp', action='store_true', help='like tools/train.py --amp')
    first.add_argument(
        '--channels-last', action='store_true', help='memory layout of the weights'
    )
    first.add_argument(
        '--compile',
        default='',
        metavar='BACKEND',
        help="of torch.compile, in place, of encoders and decoders: 'inductor', ...",
    )
    add_json(parser)
    add_config_options(parser)
    return parser.parse_args(argv)


def add_network(
    parser: argparse.ArgumentParser, depth: int, size: tuple[int, int]
) -> None:
    """Add the options of the network's depth and of the images' size."""
    parser.add_argument(
        '--depth',
        type=int,
        choices=LEVELS,
        default=depth,
        help=f'of the ResNet, where the config has 101 layers (default: {depth})',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=size,
        metavar=('H', 'W'),
        help=f'of the images (default: {size[0]} {size[1]})',
    )


class Side:
    """A process that takes steps, or loads batches, when asked."""

    def __init__(
        self, name: str, tree: Path, worker: str = 'step_worker.py', **side: object
    ) -> None:
        self.name = name
        if not (tree / 'mmdepthseg/__init__.py').is_file():  # else the installed one
            raise UserError(f'{tree} is not a checkout of mmdepthseg')
        env = dict(os.environ)
        if side.get('device', 'cpu') == 'cpu':
            env['CUDA_VISIBLE_DEVICES'] = ''  # what a GPU changes, such as AMP, neither
        # packages may have come by this variable, too
        paths = filter(None, [str(tree), os.environ.get('PYTHONPATH')])
        self.process = subprocess.Popen(
            [
                sys.executable,
                ROOT / 'tools/analysis_tools' / worker,
                json.dumps(side),
            ],
            env={**env, 'PYTHONPATH': os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict:
        """Return the next figures; a UserError if the process has ended."""
        for line in self.process.stdout or ():
            if line.startswith('STEPS '):
                return json.loads(line.removeprefix('STEPS '))
        raise UserError(f'{self.name}: its process ended, see above')

    def take(self, steps: int | str) -> dict:
        """Take steps; return seconds and the peak of the memory."""
        with contextlib.suppress(BrokenPipeError):  # `answer` tells
            print(steps, file=self.process.stdin, flush=True)
        return self.answer()

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def descriptions(args: argparse.Namespace) -> list[dict]:
    """Return what the processes of both sides are asked for."""
    same = {key: getattr(args, key) for key in SHARED}
    same['batch'] = args.batch_size
    own = dict(config=args.config, options=args.cfg_options, plain=False, amp=args.amp)
    own.update(channels_last=args.channels_last, backend=args.compile)
    other = dict(config=args.against, options=args.against_options, plain=False)
    if args.against == PLAIN:
        options = args.against_options or args.cfg_options
        other = dict(config=args.config, options=options, plain=True)
    return [dict(same, **own), dict(same, **other, amp=False)]


def compare(args: argparse.Namespace) -> None:
    """Let both sides take turns, and print the ratios."""
    first, second = descriptions(args)
    sides = (
        Side('first side', ROOT, **first),
        Side('second side', args.against_tree.resolve(), **second),
    )
    try:
        first_step = [side.answer() for side in sides][0]
        for side in sides:
            side.take(args.warmup)
        turns = [[side.take(args.steps) for side in sides] for _ in range(args.pairs)]
        waiting = [None, None]
        if args.device != 'cpu':
            waiting = [side.take(f'profile {PROFILED}')['waiting'] for side in sides]
    finally:
        for side in sides:
            side.end()
    figures = dict(summary(turns, args.steps), waiting=waiting)
    report(figures, args, first_step)
    if args.json:
        write_atomically(args.json, json.dumps(figures, indent=1).encode())


def summary(turns: list[list[dict]], steps: int) -> dict:
    """Return medians of both sides; median, least and largest of the pairs' ratios."""
    figures: dict = {}
    for key, unit in (('seconds', steps), ('peak', 1)):
        pairs = [[turn[key] / unit for turn in pair] for pair in turns]
        ratios = [a / b for a, b in pairs]
        figures[key] = dict(
            sides=[statistics.median(side) for side in zip(*pairs)],
            ratio=statistics.median(ratios),
            least=min(ratios),
            largest=max(ratios),
        )
    return figures


def report(figures: dict, args: argparse.Namespace, step: dict) -> None:
    """Print the figures, after what step and network the worker has told."""
    height, width = args.size
    where = f'{args.threads} thread(s)' if args.device == 'cpu' else args.device
    print(
        f'{step["kind"]}, {step["network"]}, {height}x{width}, batch '
        f'{args.batch_size}, '
        f'{where}, {args.pairs} pairs against {args.against}'
    )
    for key, name, unit in (('seconds', 'time', 's'), ('peak', 'memory', 'MiB')):
        own, other = figures[key]['sides']
        print(
            f'  {name:<7}{own:9.3f} {unit} against {other:9.3f} {unit}; ratio '
            f'{figures[key]["ratio"]:.3f} ({figures[key]["least"]:.3f} - '
            f'{figures[key]["largest"]:.3f})'
        )
    if None not in figures['waiting']:
        own, other = figures['waiting']
        print(f'  the device waits {own:.0%} of the time, against {other:.0%}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, compare, argv)


if __name__ == '__main__':
    main()
