"""Which samples of a data set are labelled: by a list of names, or by n and a seed."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdepthseg.utils.errors import UserError


def read_names(path: str) -> list[str]:
    """Sample names of a text file, one a line, in the file's order.

    A line is a name (`aachen/aachen_000000_000019`) or an index and a name, as
    the published lists have them. Names may hold blanks. Blank lines and lines that
    start with `#` are skipped, repeated names are kept once.

    Args:
        path: The text file.

    Returns:
        Names.

    Raises:
        UserError: If the file is missing.
        UserError: If it holds no name.
    """
    if not Path(path).is_file():
        raise UserError(f'ann_file {path} does not exist.')
    lines = Path(path).read_text(encoding='utf-8').splitlines()
    lines = [line.strip() for line in lines]
    names = [re.sub(r'^\d+\s+', '', line) for line in lines if line and line[0] != '#']
    if not names:
        raise UserError(f'ann_file {path} holds no name.')
    return list(dict.fromkeys(names))


def match_names(names: Sequence[str], img_ids: Sequence[str], source: str) -> list[int]:
    """Positions in `img_ids` of the named samples, in the order of `names`.

    A name is a whole `img_id` or, where that is unique, its last part.

    Args:
        names: Wanted names.
        img_ids: Identifiers of all samples.
        source: Where the names come from, for the error.

    Returns:
        One position a name.

    Raises:
        UserError: If names are not found (the first few are named) or ambiguous.
    """
    by_id = {img_id: index for index, img_id in enumerate(img_ids)}
    by_stem: dict[str, list[int]] = {}
    for index, img_id in enumerate(img_ids):
        by_stem.setdefault(img_id.rsplit('/', 1)[-1], []).append(index)
    found, missing, ambiguous = [], [], []
    for name in names:
        candidates = [by_id[name]] if name in by_id else by_stem.get(name, [])
        if len(candidates) == 1:
            found.append(candidates[0])
        else:
            (ambiguous if candidates else missing).append(name)
    for wrong, why in ((missing, 'not among the images'), (ambiguous, 'ambiguous')):
        if wrong:
            raise UserError(
                f'{source}: {len(wrong)} of {len(names)} names are {why}: '
                f'{", ".join(wrong[:3])}{", ..." if len(wrong) > 3 else ""}. '
                f'Names look like {img_ids[0]}.'
            )
    return found


def random_subset(total: int, n: int, seed: int) -> list[int]:
    """The first `n` of `numpy.random.RandomState(seed).permutation(total)`.

    The rule of the papers' random subsets (3W, section 4: 100, 372, 744 of 2975).

    Args:
        total: Number of samples, in sorted order.
        n: Size of the subset.
        seed: Seed of numpy's legacy generator.

    Returns:
        Positions, in the order of the permutation.

    Raises:
        UserError: If n is not in 1..total.
    """
    if not 1 <= n <= total:
        raise UserError(f'labeled_subset asks for n={n} of {total} samples.')
    return np.random.RandomState(seed).permutation(total)[:n].tolist()
