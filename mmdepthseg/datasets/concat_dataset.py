"""Concatenation of data sets that keeps a sample's position in the stream."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.dataset import ConcatDataset as MMEngineConcatDataset

from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.datasets.transforms.formatting import Frames, PackDepthSegInputs
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError


@DATASETS.register_module()
class ConcatDataset(MMEngineConcatDataset):
    """MMEngine's `ConcatDataset`, keeping a sample's position in the stream.

    The parts are data sets of ours or of MMSegmentation (`type='mmseg.ADE20KDataset'`);
    those that know no `branch` get it here.

    The parent subtracts the offset of the part, which turns our `StreamIndex` into a
    plain int, so a resumed run could not replay the augmentation. Its parts share no
    settings, so an option for all of them, such as the labelled subset, would have to
    be changed in several places. They are also a list, which a derived config can
    replace but not change.

    Args:
        datasets: Configs or data sets, as the parent takes them; or `sources`.
        sources: The same by name, in order. Options can then name a part:
            `sources.mix.subset_mode`.
        shared: Config entries of all parts that are configs. A part's own entry of the
            same name replaces the shared one as a whole.
        **kwargs: Of MMEngine's `ConcatDataset`.
    """

    def __init__(
        self,
        datasets: Sequence[BaseDataset | Mapping] | None = None,
        sources: Mapping[str, BaseDataset | Mapping] | None = None,
        shared: Mapping | None = None,
        **kwargs,
    ) -> None:
        if (datasets is None) == (sources is None):
            raise UserError('ConcatDataset: give either `sources` or `datasets`')
        if not (sources or datasets):
            raise UserError('ConcatDataset: `sources` or `datasets` is empty')
        #: Names of the parts, in order; empty if they have none.
        self.source_names = [*sources] if sources else []
        #: Branch of each part that is not told by its own samples.
        self.branches: list[str | None] = []
        parts = [
            self._build(
                {**(shared or {}), **part} if isinstance(part, Mapping) else part
            )
            for part in (sources.values() if sources else datasets or ())
        ]
        metas = [getattr(part, 'metainfo', {}) for part in parts]
        named = [meta for meta in metas if meta.get('classes')]
        if 'classes' not in (kwargs.pop('ignore_keys', None) or ()):
            self._check_classes(parts, named)
        # palettes and the like may differ, and frames to be mixed need no classes
        keys = {key for meta in metas for key in meta}
        super().__init__(parts, ignore_keys=sorted(keys), **kwargs)
        # samples are collated by the keys of the first, so all get those of ours
        steps = [s for p in parts for s in all_steps(getattr(p, 'pipeline', None))]
        self._frames = any(isinstance(step, PackDepthSegInputs) for step in steps)
        if named:
            self._metainfo = named[0]

    def __getitem__(self, idx: int) -> Any:
        """Return a sample, with the branch of its part."""
        sample = super().__getitem__(idx)
        if self._frames and isinstance(sample, dict) and 'inputs' in sample:
            if not isinstance(sample['inputs'], Mapping):
                sample['inputs'] = Frames(img=sample['inputs'], adjacent=None)
        branch = self.branches[self._get_ori_dataset_idx(idx)[0]]
        if branch is None or not isinstance(sample, Mapping):
            return sample
        if 'data_samples' in sample:
            sample['data_samples'].set_metainfo(dict(branch=branch))
            return sample
        return {**sample, 'branch': branch}

    def _build(self, part: Any) -> Any:
        """Build a part; note the branch that it does not take itself."""
        self.branches.append(None)
        if not isinstance(part, Mapping):
            return part
        if 'branch' in part:
            kind = part['type']
            kind = DATASETS.get(kind) if isinstance(kind, str) else kind
            if not (isinstance(kind, type) and issubclass(kind, SequenceDataset)):
                self.branches[-1] = part['branch']
                part = {key: value for key, value in part.items() if key != 'branch'}
        return DATASETS.build(part)

    def _check_classes(self, parts: Sequence, named: Sequence[Mapping]) -> None:
        """Raise unless all parts that name classes name the same."""
        for meta in named[1:]:
            first, other = tuple(named[0]['classes']), tuple(meta['classes'])
            if other != first:
                pairs = zip_longest(first, other)
                odd = next(pair for pair in pairs if pair[0] != pair[1])
                owners = ', '.join(type(part).__name__ for part in parts)
                raise UserError(
                    f'ConcatDataset of {owners}: the parts have other classes, '
                    f'{len(first)} and {len(other)}, such as {odd[0]!r} and '
                    f'{odd[1]!r} at the same place: give '
                    'them the same metainfo=dict(classes=...)'
                )

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        dataset_idx, sample_idx = super()._get_ori_dataset_idx(idx)
        if isinstance(idx, StreamIndex):
            sample_idx = idx.at(sample_idx)
        return dataset_idx, sample_idx
