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

from mmdepthseg.launch.selection_arguments import (  # noqa: E402
    NOT_RECORDED,
    check_arguments,
    read_arguments,
)
from mmdepthseg.launch.tool import prepare, run_tool  # noqa: E402
from mmdepthseg.selection.features import check_axes  # noqa: E402
from mmdepthseg.selection.files import (  # noqa: E402
    PAGE,
    RECORD,
    find_images,
    read_names,
    read_rows,
    write_selection,
)
from mmdepthseg.selection.methods import (  # noqa: E402
    DEFAULT_BIAS,
    select,
)
from mmdepthseg.selection.page.report import check_page, write_report  # noqa: E402
from mmdepthseg.selection.record import (  # noqa: E402
    UNDECISIVE,
    SelectionStamp,
)
from mmdepthseg.utils.files import (  # noqa: E402
    check_writable,
    read_array,
    read_json,
)
from mmdepthseg.utils.progress import Progress  # noqa: E402


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; works without MMEngine."""
    return read_arguments(__doc__, arguments)


def select_from_features(args: argparse.Namespace) -> list[Path]:
    """Select from `--features`, without running a network.

    Returns:
        The files written.
    """
    check_writable(Path(args.out), 'folder of --out')  # now, not after hours of work
    args.bias = DEFAULT_BIAS if args.bias is None else args.bias
    features = read_array(args.features)
    size = len(features) if features.ndim else 0
    if features.ndim == 4:
        for line in check_axes(features.shape):
            print(f'{args.features}: {line}', file=sys.stderr)
    names = read_names(args.names, size) if args.names else None
    rows = {
        role: read_rows(path, size, names) if path else ()
        for role, path in (('initial', args.initial), ('exclude', args.exclude))
    }
    images = find_images(args.images, names, size) if args.images else None
    roles = ('features', 'names', 'scores', 'initial', 'exclude')
    options = {
        key: value
        for key, value in vars(args).items()
        if key not in (*roles, *NOT_RECORDED)
    }
    stamp = SelectionStamp(
        Path(args.out),
        {key: value for key, value in options.items() if key not in UNDECISIVE},
        # every selection with networks has a config
        {**{role: getattr(args, role) for role in roles}, 'config': None},
        args.budget,
        scored=False,
    )
    if not args.overwrite:  # else what is there is removed when the new one is known
        stamp.check()
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
    written = write_selection(
        args.out,
        selection,
        names,
        args.budget,
        dict(options, shape=list(features.shape)),
        stamp.files,
    )
    if selection.stopped:
        tell_end(len(selection.order), args.min_distance, selection.preselected)
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
        tell_end(result.stopped_at, args.min_distance, result.preselected)
    if result.written and not args.no_page:
        page = write_page(
            args.out, result.features, result.names, result.paths, result.exclude
        )
        result.written.append(page)
    return result.written


def tell_end(frames: int, min_distance: float, preselected: int | None) -> None:
    """Say that a minimum distance ended the selection early, and among which frames."""
    others, cure = 'frame', ''
    if preselected is not None:
        others = f'of the {preselected} frames that --preselect leaves'
        cure = '; a larger --preselect leaves more'
    print(
        f'stopped at {frames} frames: no other {others} is at least '
        f'{min_distance:g} from all of them{cure}',
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
    check_arguments(args)
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
