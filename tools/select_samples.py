r"""Choose which frames to annotate: with networks, or from your own features.

Writes one split file per budget (one name per line), selection.json (order, distances,
scores, options and seed) and selection.html (a page to look at).

With networks, CONFIG defines the pool and the training of students, and CHECKPOINT is
the self-supervised depth teacher. Every step is kept in --out; to continue an
interrupted run, repeat the command. With --features no framework is needed, only numpy,
jinja2 and matplotlib for the page (or --no-page), and OpenCV for --images.

Examples:
    python tools/select_samples.py CONFIG CHECKPOINT --method ds_us --budget 25 50 100 \
        --seed 42 --out selections/ds_us_42
    python tools/select_samples.py --features f.npy --names names.txt --method ds \
        --budget 25 50 100 --seed 42 --out splits/
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# A checkout works without being installed, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import (  # noqa: E402
    add_debug,
    add_launcher,
    add_trust,
    prepare,
    run_tool,
)
from mmdepthseg.selection.farthest.farthest_point import (  # noqa: E402
    DEFAULT_MEMORY,
    DISTANCES,
)
from mmdepthseg.selection.features import NORMALIZATIONS  # noqa: E402
from mmdepthseg.selection.files import (  # noqa: E402
    PAGE,
    RECORD,
    find_images,
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
from mmdepthseg.selection.page.report import check_page, write_report  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import (  # noqa: E402
    check_writable,
    file_hash,
    read_array,
    read_json,
)
from mmdepthseg.utils.progress import Progress  # noqa: E402

#: Options without meaning for --features (launchers always add --local_rank).
NETWORK_OPTIONS = (
    'teacher_dir', 'depth_labels', 'overwrite', 'batch_size', 'num_workers',
    'cfg_options', 'launcher', 'trust_checkpoint',
)  # fmt: skip
#: Options that do not change the picks from given features.
NOT_RECORDED = (
    'config', 'checkpoint', 'images', 'no_page', 'out', 'debug', 'local_rank',
    *NETWORK_OPTIONS,
)  # fmt: skip


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; works without MMEngine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
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
    networks.add_argument(
        '--overwrite',
        action='store_true',
        help='replace results in --out that were made with other inputs',
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


def select_from_features(args: argparse.Namespace) -> list[Path]:
    """Select from `--features`, without running a network.

    Returns:
        The files written.
    """
    if args.config is not None:
        raise UserError(
            'give either --features or CONFIG and CHECKPOINT, which compute features '
            'with a network'
        )
    for option in NETWORK_OPTIONS:
        value = getattr(args, option)
        if value is not None and value is not False and value != 'none':
            raise UserError(
                f'--{option.replace("_", "-")} is for CONFIG and CHECKPOINT; leave it '
                'out with --features, which runs no network'
            )
    check_writable(Path(args.out), 'folder of --out')  # now, not after hours of work
    args.bias = DEFAULT_BIAS if args.bias is None else args.bias
    features = read_array(args.features)
    size = len(features) if features.ndim else 0
    names = read_names(args.names, size) if args.names else None
    rows = {
        role: read_rows(path, size, names) if path else ()
        for role, path in (('initial', args.initial), ('exclude', args.exclude))
    }
    images = find_images(args.images, names, size) if args.images else None
    selection = select(
        features,
        args.method,
        args.budget,
        seed=args.seed,
        scores=read_array(args.scores) if args.scores else None,
        bias=args.bias,
        preselect=args.preselect,
        min_distance=args.min_distance,
        normalize=args.normalize,
        distance=args.distance,
        memory=args.memory,
        device=args.device,
        progress=Progress('selection'),
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
        if key not in (*roles, *NOT_RECORDED)
    }
    options['shape'] = list(features.shape)
    written = write_selection(args.out, selection, names, args.budget, options, files)
    if selection.stopped:
        tell_end(len(selection.order), args.min_distance)
    if not args.no_page:
        exclude = rows['exclude']
        written.append(write_page(args.out, features, names, images, exclude))
    return written


def select_with_networks(args: argparse.Namespace) -> list[Path]:
    """Select with CONFIG and CHECKPOINT: features of a teacher, scores of students.

    Returns:
        The files written by this rank.
    """
    prepare(args)  # before the other imports, to keep them quiet
    from mmdepthseg.apis import NetworkSelection
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.launch.options import OptionsAction

    for option in ('names', 'scores', 'images'):
        if getattr(args, option) is not None:
            raise UserError(f'--{option} is for --features; with CONFIG leave it out')
    if args.teacher_dir is not None and not args.checkpoint:
        raise UserError(
            '--teacher-dir is of a teacher: give CHECKPOINT, or leave it out'
        )
    pairs = argparse.ArgumentParser(prog='select_samples.py')
    pairs.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    given = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    result = NetworkSelection(
        cfg=load_config(args.config, pairs.parse_args(given).cfg_options),
        checkpoint=args.checkpoint or None,
        device=None if args.device == 'auto' else args.device,
        **{name: getattr(args, name) for name in (
            'method', 'out', 'seed', 'initial', 'exclude', 'bias',
            'preselect', 'teacher_dir', 'depth_labels', 'launcher', 'batch_size',
            'num_workers', 'overwrite')},
        budgets=args.budget,
        options=dict(
            min_distance=args.min_distance, normalize=args.normalize,
            distance=args.distance, memory=args.memory,
            progress=Progress('selection')),
    ).run()  # fmt: skip
    if result.stopped_at is not None:
        tell_end(result.stopped_at, args.min_distance)
    if result.written and not args.no_page:
        page = write_page(
            args.out, result.features, result.names, result.paths, result.exclude
        )
        result.written.append(page)
    return result.written


def tell_end(frames: int, min_distance: float) -> None:
    """Say that a minimum distance ended the selection early."""
    print(
        f'stopped at {frames} frames: no other frame is at least {min_distance:g} from '
        'all of them',
        file=sys.stderr,
    )


def write_page(
    folder: str,
    features: np.ndarray | None,
    names: Sequence[str] | None,
    images: Sequence[str] | None,
    exclude: Sequence[int],
) -> Path:
    """Write the page for the selection recorded in a folder.

    Returns:
        Its path.
    """
    path = Path(folder) / PAGE
    record = read_json(Path(folder) / RECORD, dict)
    unreadable = write_report(path, record, features, names, images, exclude=exclude)
    if unreadable:
        count = len(unreadable)
        print(
            f'{count} image{"s" * (count > 1)} could not be read, the first is '
            f'{unreadable[0]}; the page shows such picks without an image',
            file=sys.stderr,
        )
    return path


def choose(args: argparse.Namespace) -> None:
    """Choose frames and print the names of the files written."""
    if args.config is None and args.features is None:
        raise UserError(
            'nothing to choose from. Give CONFIG and CHECKPOINT, or --features FILE'
        )
    needs = METHODS[args.method]
    idle = dict(
        bias=args.bias is not None and not (needs.distances and needs.scores),
        normalize=args.normalize != 'auto' and not needs.distances,
        distance=args.distance != 'feature' and not needs.distances,
    )
    for option in filter(idle.get, idle):
        raise UserError(
            f'--{option} does not apply to --method {args.method}; leave it out'
        )
    if not args.no_page:
        check_page()  # now, not after hours of work
    networks = args.features is None
    written = select_with_networks(args) if networks else select_from_features(args)
    for path in written:
        print(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, choose, argv, frameworks=False)


if __name__ == '__main__':
    main()
