"""The labelled samples of a data set: by a list of names, or by n and a seed."""

import os.path as osp
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdepthseg.names import join_path
from mmdepthseg.utils.errors import UserError, check_keys, refuse

SUBSET_MODES = ('keep', 'mark', 'exclude')


@dataclass(frozen=True)
class LabeledSubset:
    """The samples of a data set that count as labelled.

    `dict(n=100, seed=42)`: a random subset as in the papers.
    `dict(ann_file='ds_us_seed42.txt', n=100)`: the first n names of a file (see
    `read_names`), without n all of them. `dict()`: the samples that have a label file.

    Args:
        n: How many.
        seed: See `random_subset`.
        ann_file: Text file of sample names, under `data_root` or, if not there, as
            given.
        mode: Treatment of the other samples: `'keep'` leaves them out, `'mark'` removes
            their labels, `'exclude'` leaves the subset out and removes the labels of
            the rest.

    Raises:
        UserError: If the entries do not fit each other.
    """

    n: int | None = None
    seed: int | None = None
    ann_file: str | None = None
    mode: str = 'keep'

    def __post_init__(self) -> None:
        """Check the entries."""
        refuse(
            'labeled_subset',
            {
                f'subset_mode must be one of {SUBSET_MODES}, got {self.mode!r}.': (
                    self.mode not in SUBSET_MODES
                ),
                'give either ann_file or seed, not both.': bool(
                    self.ann_file and self.seed is not None
                ),
                'give n and seed, or ann_file.': (
                    not self.ann_file and (self.n is None) != (self.seed is None)
                ),
            },
        )

    @classmethod
    def of(cls, config: Mapping | None, mode: str) -> 'LabeledSubset | None':
        """Return the subset described by a config's `labeled_subset`; None for None."""
        if not isinstance(config, Mapping | None):
            raise UserError(
                'labeled_subset is a dict of n, seed and ann_file (dict(): all samples '
                f'that have a label), not {config!r}.'
            )
        check_keys(config or (), ('n', 'seed', 'ann_file'), 'labeled_subset')
        subset = cls(mode=mode, **(config or {}))  # checks the mode, whatever else
        return None if config is None else subset

    def positions(self, samples: Sequence[Mapping], root: str | None) -> set[int]:
        """Return the positions of the subset in the list of all samples.

        Args:
            samples: With `img_id`, and `seg_map_path` if there is a label.
            root: `data_root` of the data set.

        Raises:
            UserError: If there are fewer samples, or names that are not among them.
        """
        if self.ann_file:
            path = join_path(root or '', self.ann_file)
            path = path if osp.isfile(path) else self.ann_file
            names = read_names(path)
            if self.n is not None and not 1 <= self.n <= len(names):
                raise UserError(
                    f'labeled_subset asks for n={self.n} of the {len(names)} names in '
                    f'{path}.'
                )
            img_ids = [info['img_id'] for info in samples]
            return set(match_names(names[: self.n], img_ids, path))
        if self.seed is not None and self.n is not None:
            return set(random_subset(len(samples), self.n, self.seed))
        return {i for i, info in enumerate(samples) if 'seg_map_path' in info}

    def apply(self, samples: Sequence[dict], chosen: set[int]) -> list[dict]:
        """Return the samples that stay.

        Labels outside the subset are removed (in place).

        Args:
            samples: All of them.
            chosen: `positions` of the subset.
        """
        for index, info in enumerate(samples):
            if index not in chosen:
                info.pop('seg_map_path', None)
        if self.mode == 'mark':
            return list(samples)
        inside = self.mode == 'keep'
        return [info for i, info in enumerate(samples) if (i in chosen) == inside]


def read_names(path: str) -> list[str]:
    """Read the sample names of a text file, one a line, in the file's order.

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
    lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    lines = [line.strip() for line in lines]
    names = [re.sub(r'^\d+\s+', '', line) for line in lines if line and line[0] != '#']
    if not names:
        raise UserError(f'ann_file {path} holds no name.')
    return list(dict.fromkeys(names))


def match_names(names: Sequence[str], img_ids: Sequence[str], source: str) -> list[int]:
    """Return the positions in `img_ids` of the named samples, in the order of `names`.

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
    found: list[int] = []
    missing: list[str] = []
    ambiguous: list[str] = []
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
    """Return the first `n` of `numpy.random.RandomState(seed).permutation(total)`.

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
