"""Draw the figures of each class over the iterations of a training.

IoU, and the coverage and precision of confident predictions, as far as the validations
report them (`IoUMetric` with per_class=True, `PseudoLabelMetric`; see
configs/streets/classmix-watched_lite0_900it_192x96_n8.py). Needs matplotlib.

Example:
    python tools/analysis_tools/class_curves.py work_dirs/NAME --out curves.png
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.experiments.figures import read_logs  # noqa: E402
from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError, require_extra  # noqa: E402
from mmdepthseg.utils.files import atomic_path  # noqa: E402

KINDS = {'IoU/': 'IoU', 'coverage.': 'coverage', 'precision.': 'precision'}
COLUMNS = 5


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', type=Path, help='work_dir of a training')
    parser.add_argument('--out', required=True, type=Path, help='a picture')
    parser.add_argument(
        '--network',
        default='teacher',
        help="whose figures: teacher (default), student, or '' for a model with one",
    )
    add_debug(parser)
    return parser.parse_args(argv)


def read_curves(folder: Path, network: str) -> dict:
    """Return class -> kind of figure -> iteration -> value.

    A continued training has a log for each part; the later one counts.

    Raises:
        UserError: No validation reports figures by class.
    """
    curves: dict = defaultdict(lambda: defaultdict(dict))
    start = f'{network}/' if network else ''
    for found in read_logs(folder):
        for key, value in found.items():
            name = key.removeprefix(start) if key.startswith(start) else ''
            for begin, kind in KINDS.items():
                if name.startswith(begin):
                    place = curves[name.removeprefix(begin)][kind]
                    place[found['step']] = value
    if not curves:
        raise UserError(
            f'{folder}/2*/vis_data/scalars.json: no validation of {network or "it"} '
            'with figures by class; give IoUMetric per_class=True, or add '
            'PseudoLabelMetric to the val_evaluator'
        )
    return curves


def draw(args: argparse.Namespace) -> None:
    """Write the picture, a panel for each class."""
    curves = read_curves(args.folder, args.network)
    require_extra('class_curves', 'page', ['matplotlib'])
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    rows = -(-len(curves) // COLUMNS)
    figure, axes = pyplot.subplots(
        rows,
        COLUMNS,
        figsize=(3 * COLUMNS, 2.2 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout='constrained',
    )
    formats = figure.canvas.get_supported_filetypes()
    if args.out.suffix[1:].lower() not in formats:
        raise UserError(f'--out {args.out}: end it with one of .{", .".join(formats)}')
    for axis, (name, kinds) in zip(axes.flat, sorted(curves.items()), strict=False):
        axis.set_title(name, fontsize=10)
        for kind, values in sorted(kinds.items()):
            color = f'C{[*KINDS.values()].index(kind)}'
            axis.plot(*zip(*sorted(values.items()), strict=True), color, label=kind)
    for axis in axes.flat[len(curves) :]:
        axis.axis('off')
    handles = {
        handle.get_label(): handle for axis in axes.flat for handle in axis.get_lines()
    }
    figure.legend(handles.values(), handles.keys(), loc='outside upper right', ncols=3)
    figure.suptitle(f'{args.folder.name}, {args.network or "model"}: % by iteration')
    with atomic_path(args.out, keep_suffix=True) as temporary:
        figure.savefig(temporary, dpi=100)
    print(f'Curves of {len(curves)} classes: {args.out}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, draw, argv, frameworks=False)


if __name__ == '__main__':
    main()
