r"""Print how much methods differ, seed by seed; they may be from different tables.

The first method is the baseline. Seeds that only one of two methods has do not count in
their difference. Files of other seeds of a method are joined by a plus sign.

Example:
    python tools/analysis_tools/compare_results.py \
        docs/tables/streets_few_labels.json:supervised \
        docs/tables/streets_finished.json:classmix \
        docs/tables/streets_finished.json:depthmix
    python tools/analysis_tools/compare_results.py A.json+B.json:classmix \
        A.json+B.json:depthmix
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'methods',
        nargs='+',
        metavar='RESULTS.json[+MORE.json]:METHOD',
        help='results.json of tools/run_experiments.py, and a method of its table',
    )
    add_debug(parser)
    return parser.parse_args(argv)


def show(args: argparse.Namespace) -> None:
    """Print Markdown tables of all methods."""
    from mmdepthseg.experiments.paired import compare, joined, read_method
    from mmdepthseg.utils.errors import UserError

    pairs = [text.rpartition(':') for text in args.methods]
    for text, (path, _, method) in zip(args.methods, pairs, strict=True):
        if not path or not method:
            raise UserError(f'{text}: expected RESULTS.json:METHOD')
    figures = [
        joined({path: read_method(path, method) for path in paths.split('+')})
        for paths, _, method in pairs
    ]
    print(compare(titles(pairs), figures))


def titles(pairs: Sequence[Sequence[str]]) -> list[str]:
    """Return method and file of each row; where that is not unique, the whole path."""
    short = [
        f'{method} ({"+".join(Path(path).stem for path in paths.split("+"))})'
        for paths, _, method in pairs
    ]
    return [
        title if short.count(title) == 1 else f'{method} ({path})'
        for title, (path, _, method) in zip(short, pairs, strict=True)
    ]


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, show, argv, frameworks=False)


if __name__ == '__main__':
    main()
