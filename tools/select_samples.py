r"""Choose which frames to annotate, from features of your own.

Writes a split file (one name a line) per budget and selection.json, which holds the
order, distances, scores, options and seed. Nothing but numpy is needed.

Example:
    python tools/select_samples.py --features f.npy --names names.txt --method ds \
        --budget 25 50 100 --seed 42 --out splits/
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.selection.farthest_point import (  # noqa: E402
    DEFAULT_MEMORY,
    DISTANCES,
)
from mmdepthseg.selection.features import NORMALIZATIONS  # noqa: E402
from mmdepthseg.selection.files import (  # noqa: E402
    file_hash,
    load_array,
    parse_bytes,
    read_names,
    read_rows,
    write_selection,
)
from mmdepthseg.selection.methods import (  # noqa: E402
    DEFAULT_BIAS,
    METHODS,
    select,
)
from mmdepthseg.utils.cli import friendly_errors  # noqa: E402


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--features',
        required=True,
        metavar='FILE.npy',
        help='(N, D), used as they are, or (N, C, H, W), standardised per channel; '
        'float16, float32, float64 or integers',
    )
    parser.add_argument('--method', choices=METHODS, default='ds')
    parser.add_argument(
        '--budget', type=int, nargs='+', required=True, metavar='N',
        help='frames to choose, the initial ones counted; several give nested sets',
    )
    parser.add_argument('--out', required=True, metavar='DIR')
    parser.add_argument('--seed', type=int, default=0)
    lists = parser.add_argument_group('what the rows are')
    lists.add_argument('--names', metavar='FILE', help='name of each row, one a line')
    lists.add_argument(
        '--initial', metavar='FILE', help='names or rows labelled already, one a line'
    )
    lists.add_argument(
        '--exclude', metavar='FILE', help='names or rows never to be picked'
    )
    criterion = parser.add_argument_group('criterion')
    criterion.add_argument(
        '--scores', metavar='FILE.npy', help='(N,), higher is more worth a label'
    )
    criterion.add_argument(
        '--bias', type=float, default=DEFAULT_BIAS,
        help='ds_us: weight of a score added to a distance (default %(default)g)',
    )
    criterion.add_argument(
        '--preselect', type=float, metavar='M',
        help='pick only among the M x (new frames) highest scores',
    )
    criterion.add_argument(
        '--min-distance', type=float, default=0.0, metavar='D',
        help='stop when no frame is at least this far from the chosen ones',
    )
    criterion.add_argument('--normalize', choices=NORMALIZATIONS, default='auto')
    criterion.add_argument('--distance', choices=DISTANCES, default='feature')
    work = parser.add_argument_group('resources (the picks are the same)')
    work.add_argument(
        '--memory', type=_bytes, default=DEFAULT_MEMORY, metavar='SIZE',
        help='hold the features as float32 if that fits, e.g. 8GiB (default 2GiB)',
    )
    work.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ...')
    parser.add_argument('--debug', action='store_true', help='show tracebacks')
    return parser.parse_args(arguments)


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Progress:
    """A progress line on stderr; a line per tenth when that is no terminal."""

    def __init__(self) -> None:
        self.start, self.shown = time.monotonic(), -1.0
        self.tenth = -1

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` frames are chosen."""
        spent = time.monotonic() - self.start
        bar = '#' * (30 * done // total)
        line = f'selection [{bar:<30}] {done}/{total} frames, {spent:.0f} s'
        if sys.stderr.isatty():
            if done == total or spent - self.shown > 0.1:
                self.shown = spent
                end = '\n' if done == total else ''
                print(f'\r{line}', end=end, file=sys.stderr, flush=True)
        elif 10 * done // total > self.tenth:
            self.tenth = 10 * done // total
            print(line, file=sys.stderr, flush=True)


def select_from_features(args: argparse.Namespace) -> list[Path]:
    """`--features`: no network is run.

    Returns:
        The files written.
    """
    features = load_array(args.features)
    size = len(features) if features.ndim else 0
    names = read_names(args.names, size) if args.names else None
    rows = {
        role: read_rows(path, size, names) if path else ()
        for role, path in (('initial', args.initial), ('exclude', args.exclude))
    }
    selection = select(
        features,
        args.method,
        args.budget,
        seed=args.seed,
        scores=load_array(args.scores) if args.scores else None,
        bias=args.bias,
        preselect=args.preselect,
        min_distance=args.min_distance,
        normalize=args.normalize,
        distance=args.distance,
        memory=args.memory,
        device=args.device,
        progress=Progress(),
        **rows,
    )
    roles = ('features', 'names', 'scores', 'initial', 'exclude')
    paths = {role: getattr(args, role) for role in roles}
    files = {
        role: dict(path=str(Path(path).resolve()), sha256=file_hash(path))
        for role, path in paths.items()
        if path
    }
    options = {
        key: value
        for key, value in vars(args).items()
        if key not in (*roles, 'out', 'debug')
    }
    options['shape'] = list(features.shape)
    written = write_selection(
        args.out, selection, names, args.budget, options, files
    )
    if selection.stopped:
        print(
            f'stopped at {len(selection.order)} frames: no other is at least '
            f'{args.min_distance:g} from all of them',
            file=sys.stderr,
        )
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(arguments)
    with friendly_errors(args.debug):
        for path in select_from_features(args):
            print(path)


if __name__ == '__main__':
    main()
