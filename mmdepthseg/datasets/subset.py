"""The labelled samples of a data set: by a list of names, or by n and a seed."""

import filecmp
import os
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdepthseg.datasets.options import is_whole, refuse_empty
from mmdepthseg.name_lists import match_list
from mmdepthseg.names import join_path
from mmdepthseg.utils.errors import UserError, check_keys, refuse

SUBSET_MODES = ('keep', 'mark', 'exclude')
#: Of numpy's legacy generator.
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class LabeledSubset:
    """The samples of a data set that count as labelled.

    `dict(n=100, seed=42)`: a random subset as in the papers (of clips: of the frames
    that have a label).
    `dict(ann_file='ds_us_seed42.txt', n=100)`: the first n names of a file (see
    `match_list`), without n all of them. `dict()`: the samples that have a label file.

    Args:
        n: How many.
        seed: See `random_subset`.
        ann_file: Text file of sample names, under `data_root` or, if not there, as
            given; a list of ours (`configs/...`) is found wherever the package is.
        mode: Treatment of the other samples: `'keep'` leaves them out, `'mark'` removes
            their labels, `'exclude'` leaves the subset out and removes the labels of
            the rest.

    Raises:
        UserError: The entries do not fit each other.
    """

    n: int | None = None
    seed: int | None = None
    ann_file: str | None = None
    mode: str = 'keep'

    def __post_init__(self) -> None:
        """Check the entries."""
        # not by their truth: '' of an empty variable would mean all labels
        listed = self.ann_file is not None
        refuse_empty('labeled_subset', dict(ann_file=self.ann_file))
        refuse(
            'labeled_subset',
            {
                f'subset_mode must be one of {SUBSET_MODES}, got {self.mode!r}': (
                    self.mode not in SUBSET_MODES
                ),
                f'ann_file={self.ann_file!r}: give the name of a text file': (
                    listed and not isinstance(self.ann_file, str | os.PathLike)
                ),
                f'n={self.n!r}: give a whole number of at least 1': (
                    self.n is not None and not (is_whole(self.n) and self.n >= 1)
                ),
                f'seed={self.seed!r}: give a whole number, 0..{MAX_SEED}': (
                    self.seed is not None
                    and not (is_whole(self.seed) and 0 <= self.seed <= MAX_SEED)
                ),
                'give either ann_file or seed, not both': (
                    listed and self.seed is not None
                ),
                'give n and seed, or ann_file': (
                    not listed and (self.n is None) != (self.seed is None)
                ),
            },
        )

    @classmethod
    def of(cls, config: Mapping | None, mode: str) -> 'LabeledSubset | None':
        """Return the subset described by a config's `labeled_subset`; None for None.

        None are all samples with the labels that exist, so nothing is to be marked.
        """
        if not isinstance(config, Mapping | None):
            raise UserError(
                'labeled_subset is a dict of n, seed and ann_file (dict(): all samples '
                f'that have a label), not {config!r}'
            )
        check_keys(config or (), ('n', 'seed', 'ann_file'), 'labeled_subset')
        subset = cls(mode=mode, **(config or {}))  # checks the mode, whatever else
        if config is None and mode == 'exclude':
            raise UserError(
                "subset_mode='exclude' needs a labeled_subset, the samples to leave "
                'out; dict() is all that have a label'
            )
        return None if config is None else subset

    def positions(
        self,
        samples: Sequence[Mapping],
        root: str | None,
        partly_labeled: bool = False,
    ) -> set[int]:
        """Return the positions of the subset in the list of all samples.

        Args:
            samples: With `img_id`, and `seg_map_path` if there is a label.
            root: `data_root` of the data set.
            partly_labeled: Draw by n and seed among the samples with a label, unless
                none has one. Otherwise among all, so that a label that is missing does
                not change the draw.

        Raises:
            UserError: There are fewer samples, or names that are not among them; or
                `ann_file` may be one of two lists, below `root` and below the
                current folder.
        """
        if self.ann_file is not None:
            path = _list_path(self.ann_file, root or '')
            found: set[int] = set()
            for position in match_list(path, [info['img_id'] for info in samples]):
                found.add(position)
                if len(found) == self.n:
                    break
            if not found:
                raise UserError(f'{path}: no name in this list')
            if self.n is not None and len(found) < self.n:
                raise UserError(
                    f'labeled_subset asks for n={self.n} of the {len(found)} names in '
                    f'{path}'
                )
            return found
        labeled = [i for i, info in enumerate(samples) if 'seg_map_path' in info]
        if self.seed is None or self.n is None:
            return {*labeled}
        if not (partly_labeled and labeled):
            return {*random_subset(len(samples), self.n, self.seed)}
        if self.n > len(labeled):
            raise UserError(
                f'labeled_subset asks for n={self.n} of the {len(labeled)} samples '
                'that have a label'
            )
        return {labeled[i] for i in random_subset(len(labeled), self.n, self.seed)}

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


def _list_path(ann_file: str, root: str) -> str:
    """Return the path of a list: below the data, or else as it is written."""
    inside, outside = join_path(root, ann_file), installed(ann_file)
    if not osp.isfile(inside) or not osp.isfile(outside):
        return inside if osp.isfile(inside) else outside
    if not osp.samefile(inside, outside) and not filecmp.cmp(inside, outside, False):
        raise UserError(
            f'labeled_subset: ann_file={ann_file!r} may be {inside} or '
            f'{osp.abspath(outside)}, which differ: give the absolute path'
        )
    return inside


def installed(path: str) -> str:
    """Return the path of a file of our configs if it is not below the folder at hand.

    Args:
        path: Such as `configs/_base_/splits/cityscapes/val.txt`.
    """
    ours = Path(__file__).parents[1] / '.mim' / path
    return path if osp.isfile(path) or not ours.is_file() else str(ours)


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
        UserError: `n` is not in 1..total.
    """
    if not 1 <= n <= total:
        raise UserError(f'labeled_subset asks for n={n} of {total} samples')
    return np.random.RandomState(seed).permutation(total)[:n].tolist()
