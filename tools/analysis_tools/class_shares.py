"""What did a selection choose? The classes in chosen frames, and in all of them.

Prints each class's share of the pixels in %, in the pool (the labelled frames of the
config's training data), in random subsets of it, as training draws them, and in lists
of tools/select_samples.py; and how many of the frames show it at all.

Example:
    python tools/analysis_tools/class_shares.py \
        configs/streets/supervised_lite0_900it_192x96_n8.py \
        --lists work_dirs/select/budget_8.txt --random 8 --seeds 7 25 42
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_config_options, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='of a supervised training')
    parser.add_argument(
        '--lists', nargs='+', default=[], metavar='TXT', help='names of frames'
    )
    parser.add_argument('--random', type=int, metavar='N', help='size of the subsets')
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[], help='of the random subsets'
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def show(args: argparse.Namespace) -> None:
    """Print a Markdown table."""
    from mmdepthseg.datasets.class_pixels import class_pixels
    from mmdepthseg.datasets.subset import random_subset
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.registry import DATASETS
    from mmdepthseg.utils.errors import UserError

    if bool(args.seeds) != (args.random is not None):
        raise UserError('--random N and --seeds go together')
    cfg = load_config(args.config, args.cfg_options)
    pool = dict((cfg.get('train_dataloader') or {}).get('dataset') or {})
    if 'labeled_subset' not in pool:
        raise UserError(
            f'{args.config}: the dataset of train_dataloader has no labeled_subset; '
            'give the config of a supervised training'
        )
    pool['labeled_subset'] = {}
    dataset = DATASETS.build({**pool, 'subset_mode': 'keep'})
    pixels, names = class_pixels(dataset), frame_names(dataset)
    chosen: dict[str, Sequence[int]] = {'pool': range(len(names))}
    for seed in args.seeds:
        chosen[f'random, {seed}'] = random_subset(len(names), args.random, seed)
    if args.lists:
        marked = dict(pool, subset_mode='mark', check_depth_labels=False)
        frames = frame_names(DATASETS.build(marked))
        for path in args.lists:
            chosen[path] = labelled_positions(path, frames, names)
    shares = pixels / pixels.sum(axis=1, keepdims=True).clip(min=1)
    rows = [
        ['class', *(f'{name}: {len(places)}' for name, places in chosen.items())],
        ['---'] * (len(chosen) + 1),
    ]
    for number, name in enumerate(dataset.metainfo['classes']):
        row = [name]
        for places in map(list, chosen.values()):
            share = 100 * shares[places, number].mean()
            row.append(f'{share:.1f} ({(pixels[places, number] > 0).sum()})')
        rows.append(row)
    print('Mean share of pixels in %, and the number of frames that show the class\n')
    print('\n'.join('| ' + ' | '.join(row) + ' |' for row in rows))


def frame_names(dataset: Any) -> list[str]:
    """Return the `img_id` of each sample of a data set."""
    return [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]


def labelled_positions(
    path: str, frames: Sequence[str], labelled: Sequence[str]
) -> list[int]:
    """Return the positions in `labelled` of the names in a list, each once.

    Args:
        path: The list.
        frames: Names of all frames.
        labelled: Names of those that have labels.

    Raises:
        UserError: The list has no name, one that is not in `frames`, or one without
            labels; names the list and the first frame.
    """
    from mmdepthseg.name_lists import match_list
    from mmdepthseg.utils.errors import UserError

    # once, also if a line is the name and another its last part
    found = list(dict.fromkeys(frames[index] for index in match_list(path, frames)))
    if not found:
        raise UserError(f'{path}: no name in this list')
    positions = {name: position for position, name in enumerate(labelled)}
    bare = [name for name in found if name not in positions]
    if bare:
        raise UserError(
            f'{path}: {len(bare)} of its {len(found)} frames have no label, the first '
            f'is {bare[0]}: label them first, their classes are counted in the labels'
        )
    return [positions[name] for name in found]


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, show, argv)


if __name__ == '__main__':
    main()
