"""Base of data sets of frames with neighbours, labels, depth and cameras."""

import logging
import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.datasets.errors import BrokenFileError, BrokenFiles
from mmdepthseg.datasets.options import is_whole, refuse_empty
from mmdepthseg.datasets.subset import LabeledSubset
from mmdepthseg.datasets.transforms.foreign import all_steps, check_pipeline
from mmdepthseg.name_lists import read_lines
from mmdepthseg.names import join_path
from mmdepthseg.utils.errors import UserError, listed, refuse

#: Number of broken samples in a row after which no more are tried.
MAX_IN_A_ROW = 100


class SequenceDataset(BaseSegDataset):
    """Base of data sets of frames with optional neighbours, labels, depth, cameras.

    MMSegmentation's `BaseSegDataset` knows one image and one label map per sample
    and requires the label file; here everything except the image is optional, and files
    that a sample does not use need not exist.

    A subclass lists its frames with `list_samples` and a frame's neighbours with
    `find_neighbour`. A sample's info has `img_path`, `img_id` (unique, the name of all
    outputs, such as `<clip>/<frame>`), `is_labeled` and, if they exist, `seg_map_path`,
    `adjacent_paths` with `adjacent_offsets`, `camera_path` or `file_camera`,
    `depth_path`, `disparity_path`, `sde_disparity_path` (with `sde_disparity_masked`
    and `sde_disparity_range`), `poses_path` with `pose_lines` and `pose_count`, and
    `branch`.

    Args:
        offsets: Neighbours of each target frame, in frames: (-1, 1).
        missing_neighbours: `'skip'` leaves out frames that lack one (counted and
            logged once), `'error'` raises.
        labeled_subset: `dict(n=100, seed=42)`, `dict(ann_file='list.txt')` (with n the
            first n) or `dict()` (all that have a label file); see `LabeledSubset`.
            None: all samples, with the labels that exist.
        subset_mode: Use of the subset. `'keep'`: the data set is the subset. `'mark'`:
            all samples stay, only the subset's are labelled (all, without a subset).
            `'exclude'`: all others, without labels. Labels of samples outside the
            subset are not listed.
        require_labels: Raise if a sample that should be labelled has no label file.
        branch: Copied to each sample's info (`'labeled'`, `'mix'`).
        skip_broken: In training, replace a sample with an unreadable file by another
            one (each file is logged once) instead of stopping.
        max_broken: Number of broken files after which to stop anyway, of all loader
            workers of a rank together.
        check_depth_labels: Verify the manifest of the depth labels, so that missing,
            truncated or outdated ones are named before anything uses them. Set to False
            for labels that `tools/generate_depth.py` did not make.
        **kwargs: Of `BaseSegDataset`.
    """

    #: Frames without a label are usual, so that subsets are drawn among the others.
    PARTLY_LABELED = False

    def __init__(
        self,
        *,
        offsets: Sequence[int] = (),
        missing_neighbours: str = 'skip',
        labeled_subset: Mapping | None = None,
        subset_mode: str = 'keep',
        require_labels: bool = False,
        branch: str | None = None,
        skip_broken: bool = False,
        max_broken: int = 10,
        check_depth_labels: bool = True,
        **kwargs,
    ) -> None:
        texts = ('data_root', 'img_suffix', 'seg_map_suffix')
        refuse_empty(type(self).__name__, {key: kwargs.get(key) for key in texts})
        in_list = isinstance(offsets, list | tuple | range)
        if not in_list or not all(map(is_whole, offsets)):
            raise UserError(
                f'{type(self).__name__}: offsets={offsets!r}: give whole numbers in a '
                'list, as [-1, 1]'
            )
        refuse(
            type(self).__name__,
            {
                f"missing_neighbours={missing_neighbours!r}: give 'skip' or 'error'": (
                    missing_neighbours not in ('skip', 'error')
                ),
                f'offsets must be different and not 0, got {tuple(offsets)}': (
                    len({0, *offsets}) <= len(offsets)
                ),
                'ann_file belongs into labeled_subset=dict(ann_file='
                f'{kwargs.get("ann_file")!r})': bool(kwargs.get('ann_file')),
            },
        )
        self.offsets = tuple(int(offset) for offset in offsets)
        self.missing_neighbours = missing_neighbours
        self.subset = LabeledSubset.of(labeled_subset, subset_mode)
        self.require_labels = require_labels
        self.branch = branch
        self.skip_broken = skip_broken
        self.max_broken = max_broken
        self.check_depth_labels = check_depth_labels
        self.broken_files: Counter[str] = Counter()
        self._noted = BrokenFiles(max_broken) if skip_broken else None
        self._in_a_row: list[str] = []
        super().__init__(**kwargs)
        # MMSegmentation's confusion_matrix.py looks here for the classes
        self.METAINFO = self.metainfo
        check_pipeline(self.pipeline, type(self).__name__)
        steps = [type(step).__name__ for step in all_steps(self.pipeline)]
        refuse(
            type(self).__name__,
            {
                'the pipeline has LoadAnnotations, which neither translates the ids of '
                'label files nor reads all their bit depths: use LoadSegLabel': (
                    'LoadAnnotations' in steps
                )
            },
        )

    # -- for subclasses -----------------------------------------------------------

    def list_samples(self) -> list[dict]:
        """Return all target frames, at least one, sorted by `img_id`.

        Returns:
            Infos without neighbours, with `seg_map_path` if a label exists.
        """
        raise NotImplementedError

    def find_neighbour(self, info: dict, offset: int) -> tuple[str | None, str]:
        """Return the frame `offset` frames after that of `info`.

        Args:
            info: A sample's info.
            offset: In frames, negative for earlier ones.

        Returns:
            Its path, or None if it does not exist, and the path searched for.
        """
        raise UserError(
            f'{type(self).__name__} has no neighbouring frames: leave offsets empty'
        )

    def finish_sample(self, info: dict) -> None:
        """Complete the info of a sample that stays (in place)."""

    # -- BaseDataset's hooks ------------------------------------------------------

    @classmethod
    def _load_metainfo(cls, metainfo: Mapping | None = None) -> dict:
        names = (metainfo or {}).get('classes')
        if isinstance(names, str) and osp.isfile(names):
            # MMEngine's reader keeps byte order marks and empty lines
            lines = [line for _, line in read_lines(names)]
            metainfo = {**(metainfo or {}), 'classes': lines}
        loaded = super()._load_metainfo(metainfo)
        classes = loaded.get('classes')
        if isinstance(classes, str):  # a file's name has been replaced by its lines
            raise UserError(
                f'{cls.__name__}: metainfo: classes={classes!r} is a text: write '
                f'classes=({classes!r},), with a comma, or a list'
            )
        twice = [name for name, count in Counter(classes).items() if count > 1]
        if twice:
            raise UserError(f'{cls.__name__}: metainfo: classes has {twice} twice')
        return loaded

    def _join_prefix(self) -> None:
        super()._join_prefix()
        self.data_prefix: dict = {
            key: join_path(value) if isinstance(value, str) else value
            for key, value in self.data_prefix.items()
        }

    def load_data_list(self) -> list[dict]:
        """List the samples: frames, then the subset, then neighbours.

        The subset is drawn before frames without neighbours are left out, so it does
        not depend on `offsets`.
        """
        samples = self.list_samples()
        own = [i['img_id'] for i in samples if i.get('seg_map_path') == i['img_path']]
        if own:
            raise UserError(
                f'{self._describe()}: {len(own)} images would be their own labels, '
                f'such as {own[0]}: give the folder of the labels, or the end of their '
                'names'
            )
        samples = self._apply_subset(samples)
        samples = self._add_neighbours(samples)
        for info in samples:
            self.finish_sample(info)
            info['is_labeled'] = 'seg_map_path' in info
            info['label_map'] = self.label_map
            info['reduce_zero_label'] = self.reduce_zero_label
            info['seg_fields'] = []
            if self.branch is not None:
                info['branch'] = self.branch
        self._read_manifest(samples)
        self._log_summary(samples)
        return samples

    def get_data_info(self, idx: int) -> Any:
        """Return a sample's info, a dict; with the palette, which all samples share."""
        # `metainfo` would copy all of it each time
        return {**super().get_data_info(idx), 'palette': self._metainfo.get('palette')}

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; with `skip_broken`, None for a broken sample.

        `BaseDataset.__getitem__` then draws another sample. A test never skips, because
        figures over a part of the images would be taken for those of all images.
        """
        try:
            data = super().prepare_data(idx)
        except BrokenFileError as error:
            if not self.skip_broken or self.test_mode:
                raise
            self._count_broken(str(error))
            return None
        self._in_a_row.clear()
        return data

    # -- steps --------------------------------------------------------------------

    def _apply_subset(self, samples: list[dict]) -> list[dict]:
        if self.subset is None:
            self._check_labels(samples)
            return samples
        chosen = self.subset.positions(samples, self.data_root, self.PARTLY_LABELED)
        if chosen and self.subset.mode != 'exclude':
            self._check_labels([samples[i] for i in sorted(chosen)])
        kept = self.subset.apply(samples, chosen)
        refuse(
            self._describe(),
            {
                f'labeled_subset=dict(), but none of the {len(samples)} samples has a '
                f'label: searched {self._labels_place()}; the metainfo names '
                f'{len(self.metainfo["classes"])} classes': not chosen,
                f'the subset holds all {len(samples)} samples, so none is left for '
                "subset_mode='exclude'": not kept,
            },
        )
        return kept

    def _labels_place(self) -> str:
        return f'{self.data_prefix.get("seg_map_path")} for *{self.seg_map_suffix}'

    def _check_labels(self, samples: list[dict]) -> None:
        without = [info['img_id'] for info in samples if 'seg_map_path' not in info]
        if without and self.require_labels:
            raise UserError(
                f'{self._describe()}: {len(without)} of {len(samples)} samples have no '
                f'label file: searched {self._labels_place()}, the first '
                f'without: {listed(without)}'
            )

    def _warn_of_orphans(
        self, images: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """Name labels that belong to no image, in the log.

        Args:
            images: Files by name.
            labels: The same.
        """
        orphans = [osp.basename(labels[stem]) for stem in labels if stem not in images]
        if orphans:
            bare = [osp.basename(images[stem]) for stem in images if stem not in labels]
            print_log(
                f'{self._describe()}: {len(orphans)} of {len(labels)} labels in '
                f'{self.data_prefix["seg_map_path"]} belong to no image '
                f'({listed(orphans)}) and are left out; {len(bare)} of {len(images)} '
                f'images have no label ({listed(bare) or "none"}).',
                logger='current',
                level=logging.WARNING,
            )

    def _add_neighbours(self, samples: list[dict]) -> list[dict]:
        if not self.offsets:
            return samples
        kept, missing = [], []
        for info in samples:
            found = [self.find_neighbour(info, offset) for offset in self.offsets]
            lacking = [wanted for path, wanted in found if path is None]
            if lacking:
                missing.append((info['img_id'], lacking[0]))
                continue
            info['adjacent_paths'] = [path for path, _ in found]
            info['adjacent_offsets'] = self.offsets
            kept.append(info)
        if missing:
            message = (
                f'{self._describe()}: {len(missing)} of {len(samples)} frames lack a '
                f'neighbour at offsets {self.offsets}, the first: {missing[0][0]} '
                f'lacks {missing[0][1]}.'
            )
            if not kept:
                count = max(0, *self.offsets) - min(0, *self.offsets) + 1
                raise UserError(
                    f'{message} None is left: a clip needs at least {count} frames '
                    'that follow each other'
                )
            if self.missing_neighbours == 'error':
                raise UserError(
                    f"{message} missing_neighbours='skip' leaves such frames out"
                )
            print_log(f'{message} They are left out.', logger='current')
        return kept

    def _read_manifest(self, samples: list[dict]) -> None:
        """Note what the manifest of depth labels says of them; verify it if asked to.

        Labels that our tools did not make have no manifest.
        """
        labelled = [info for info in samples if 'sde_disparity_path' in info]
        if not labelled:
            return
        first = labelled[0]
        stem, _ = osp.splitext(first['sde_disparity_path'])
        root = stem.removesuffix(first['img_id'])
        store = DepthLabelStore(root)
        if self.check_depth_labels:
            paths = {info['img_id']: info['img_path'] for info in labelled}
            store.verify(paths, paths)
        elif store.manifest_path.is_file():
            store.load_manifest()
        else:
            return
        for info in labelled:
            info['sde_disparity_masked'] = store.masked
            info['sde_disparity_range'] = store.depth_range

    def _count_broken(self, message: str) -> None:
        assert self._noted is not None
        if self._noted.add(message):
            print_log(
                f'{self._describe()}: sample skipped. {message}',
                logger='current',
                level=logging.WARNING,
            )
        self.broken_files[message] += 1
        self._in_a_row.append(message)
        broken, row = len(self._noted), len(self._in_a_row)
        problem = ''
        if broken > self.max_broken:
            problem = (
                f'{broken} broken files, more than max_broken={self.max_broken}. The '
                f'last: {message}'
            )
        # BaseDataset's own limit ends in a message without any name
        elif row >= min(MAX_IN_A_ROW, self.max_refetch + 1):
            problem = (
                f'no usable sample found, {row} broken ones were skipped in a row. '
                'Repair or remove them, or set skip_broken=False to stop at each. The '
                f'first: {self._in_a_row[0]}'
            )
        if problem:
            raise BrokenFileError(f'{self._describe()}: {problem}')

    def _describe(self) -> str:
        return f'{type(self).__name__}({self.data_root})'

    def _log_summary(self, samples: list[dict]) -> None:
        keys = dict(
            seg_map_path='labels',
            adjacent_paths='neighbours',
            camera_path='camera files',
            file_camera='cameras',
            disparity_path='stereo disparities',
            depth_path='depth maps',
            sde_disparity_path='depth labels',
        )
        counts = Counter(key for info in samples for key in keys if key in info)
        parts = ', '.join(
            f'{counts[key]} {name}' for key, name in keys.items() if counts[key]
        )
        #: Counts of frames and what they have, for the log.
        self.summary = (
            f'{self._describe()}: {len(samples)} samples{": " if parts else ""}{parts}'
        )
        print_log(self.summary, logger='current')
