"""Arguments of `tools/select_samples.py`, and which of them go together."""

import argparse
from collections.abc import Sequence

from mmdepthseg.launch.tool import add_debug, add_launcher, add_trust
from mmdepthseg.selection.farthest.farthest_point import DEFAULT_MEMORY, DISTANCES
from mmdepthseg.selection.features import NORMALIZATIONS
from mmdepthseg.selection.files import PAGE, parse_bytes
from mmdepthseg.selection.methods import DEFAULT_BIAS, METHODS
from mmdepthseg.utils.errors import UserError

#: Options without meaning for --features (launchers always add --local_rank).
NETWORK_OPTIONS = (
    'teacher_dir', 'depth_labels', 'batch_size', 'num_workers', 'cfg_options',
    'launcher', 'trust_checkpoint',
)  # fmt: skip
#: Options that do not change the picks from given features.
NOT_RECORDED = (
    'config', 'checkpoint', 'images', 'no_page', 'out', 'overwrite', 'debug',
    'local_rank',
    *NETWORK_OPTIONS,
)  # fmt: skip


def read_arguments(
    description: str | None, arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read the command line of `tools/select_samples.py`; works without MMEngine."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', nargs='?', metavar='CONFIG', help='selection config')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        metavar='CHECKPOINT',
        help='of the depth teacher; not needed for random and entropy',
    )
    parser.add_argument(
        '--features',
        metavar='FILE.npy',
        help='instead of CONFIG: (N, D), used unchanged, or (N, C, H, W), '
        'standardised per channel; float16, float32, float64 or integers',
    )
    parser.add_argument(
        '--method',
        choices=METHODS,
        default='ds',
        help='how to choose; see above (default: ds)',
    )
    parser.add_argument(
        '--budget',
        type=int,
        nargs='+',
        required=True,
        metavar='N',
        help='frames to choose, including the initial ones; several give nested sets',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='folder of the lists, the page and the cache',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace results in --out that were made with other inputs',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of random choices and of networks (default: 0)',
    )
    _add_frame_options(parser)
    _add_criterion_options(parser)
    _add_network_options(parser)
    work = parser.add_argument_group('resources (do not change the picks)')
    work.add_argument(
        '--memory',
        type=_bytes,
        default=DEFAULT_MEMORY,
        metavar='SIZE',
        help='keep the features as float32 if they fit, e.g. 8GiB (default 2GiB)',
    )
    work.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ...')
    add_debug(parser)
    return parser.parse_intermixed_args(arguments)


def _add_frame_options(parser: argparse.ArgumentParser) -> None:
    lists = parser.add_argument_group('rows')
    lists.add_argument(
        '--names',
        metavar='FILE',
        help='with --features: name of each row, one per line',
    )
    lists.add_argument(
        '--initial',
        metavar='FILE',
        help='frames already labelled, one per line: names, or rows if there are none',
    )
    lists.add_argument('--exclude', metavar='FILE', help='frames never to pick')
    page = parser.add_mutually_exclusive_group()
    page.add_argument(
        '--images',
        metavar='PATH',
        help='with --features, images for the page: the folder that contains --names '
        '(with or without .png, _leftImg8bit.png, ...), or a file with one image '
        'path per row',
    )
    page.add_argument('--no-page', action='store_true', help=f'do not write {PAGE}')


def _add_criterion_options(parser: argparse.ArgumentParser) -> None:
    criterion = parser.add_argument_group('criterion')
    criterion.add_argument(
        '--scores',
        metavar='FILE.npy',
        help='with --features: (N,), higher is more worth a label',
    )
    criterion.add_argument(
        '--bias',
        type=float,
        help="ds_us: weight of a score added to a distance (default: the config's, "
        f'or {DEFAULT_BIAS:g})',
    )
    criterion.add_argument(
        '--preselect',
        type=float,
        metavar='M',
        help='pick only from the M x (new frames) highest scores',
    )
    criterion.add_argument(
        '--min-distance',
        type=float,
        default=0.0,
        metavar='D',
        help='stop if no frame is at least this far from the chosen ones',
    )
    criterion.add_argument(
        '--normalize',
        choices=NORMALIZATIONS,
        default='auto',
        help='scale of the features (default: auto)',
    )
    criterion.add_argument(
        '--distance',
        choices=DISTANCES,
        default='feature',
        help='by which frames are diverse (default: feature)',
    )


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    networks = parser.add_argument_group('with networks')
    networks.add_argument(
        '--teacher-dir',
        metavar='DIR',
        help="folder of the teacher's features and depth labels, which several "
        'selections can share (default: --out)',
    )
    networks.add_argument(
        '--depth-labels',
        metavar='DIR',
        help='depth labels (tools/import_depth.py) with which students are compared, '
        "instead of the teacher's",
    )
    networks.add_argument('--batch-size', type=int, help="default: the config's")
    networks.add_argument('--num-workers', type=int, help="default: the config's")
    networks.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help='override settings of the config',
    )
    add_launcher(networks)
    add_trust(networks)


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together.

    Raises:
        UserError: Names the option, and what it is for.
    """
    if args.config is None and args.features is None:
        raise UserError(
            'nothing to choose from. Give CONFIG and CHECKPOINT, or --features FILE'
        )
    if args.config is not None and args.features is not None:
        raise UserError(
            'give either --features or CONFIG and CHECKPOINT, which compute features '
            'with a network'
        )
    needs = METHODS[args.method]
    scored = needs.scores or args.preselect is not None
    idle = dict(
        scores=args.scores is not None and not scored,
        bias=args.bias is not None and not (needs.distances and needs.scores),
        normalize=args.normalize != 'auto' and not needs.distances,
        distance=args.distance != 'feature' and args.method not in ('ds', 'ds_us'),
    )
    for option in filter(idle.get, idle):
        raise UserError(
            f'--{option} does not apply to --method {args.method}; leave it out'
        )
    if args.config is None:
        for option in NETWORK_OPTIONS:
            value = getattr(args, option)
            if value is not None and value is not False and value != 'none':
                raise UserError(
                    f'--{option.replace("_", "-")} is for CONFIG and CHECKPOINT; leave '
                    'it out with --features, which runs no network'
                )
        return
    for option in ('names', 'scores', 'images'):
        if getattr(args, option) is not None:
            raise UserError(f'--{option} is for --features; with CONFIG leave it out')
    if args.teacher_dir is not None and not args.checkpoint:
        raise UserError(
            '--teacher-dir is of a teacher: give CHECKPOINT, or leave it out'
        )
