"""Lay pictures of the same names in several folders side by side, as one picture.

For what tools/predict.py and tools/test.py --show-dir write for several networks: a
column for each folder, a row for each name that all of them have.

Example:
    python tools/analysis_tools/picture_sheet.py image=data/clips/drive1/frames \
        "phase 1=work_dirs/a/depth_pictures" "phase 2=work_dirs/b/depth_pictures" \
        --out sheet.png
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'columns', nargs='+', metavar='TITLE=FOLDER', help='folders of pictures'
    )
    parser.add_argument('--out', required=True, type=Path, help='a picture')
    parser.add_argument(
        '--names', nargs='+', help='which pictures, without suffix (default: all)'
    )
    parser.add_argument(
        '--width', type=int, default=320, help='of a column, pixels (default: 320)'
    )
    add_debug(parser)
    return parser.parse_args(argv)


def list_pictures(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name without suffix.

    Raises:
        UserError: It is not a folder, or two files have the same name.
    """
    if not folder.is_dir():
        raise UserError(f'{folder}: not a folder')
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.name.startswith('.'):
            continue
        if path.stem in found:
            raise UserError(
                f'{folder}: two pictures of one name: {found[path.stem].name} and '
                f'{path.name}'
            )
        found[path.stem] = path
    return found


def draw(args: argparse.Namespace) -> None:
    """Write the picture."""
    from mmdepthseg.utils.pictures import (
        check_picture_name,
        read_picture,
        write_picture,
    )
    from mmdepthseg.visualization.drawing import contact_sheet

    if args.width < 1:
        raise UserError(f'--width {args.width}: expected at least 1')
    check_picture_name(args.out)
    columns = {}
    for column in args.columns:
        title, separator, folder = column.partition('=')
        if not separator or title in columns:
            raise UserError(f'{column}: expected TITLE=FOLDER, each title once')
        columns[title] = list_pictures(Path(folder))
    first = next(iter(columns.values()))
    shared = [n for n in first if all(n in files for files in columns.values())]
    names = shared if args.names is None else args.names
    missing = [name for name in names if name not in shared]
    if missing or not names:
        raise UserError(
            f'{", ".join(missing) or "no name"}: not in all folders, which have '
            f'{len(shared)} names in common; give folders of pictures of the same '
            'images'
        )
    rows = []
    for name in names:
        row = []
        for title, files in columns.items():
            picture = read_picture(files[name])
            if picture is None:
                raise UserError(f'{files[name]}: not a readable image')
            row.append((title, picture))
        rows.append(row)
    write_picture(args.out, contact_sheet(rows, args.width))
    print(f'{len(rows)} rows of {len(columns)} pictures: {args.out}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, draw, argv, frameworks=False)


if __name__ == '__main__':
    main()
