"""Concatenation of data sets that keeps a sample's position in the stream."""

from collections.abc import Mapping, Sequence

from mmengine.dataset import BaseDataset
from mmengine.dataset import ConcatDataset as MMEngineConcatDataset

from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError


@DATASETS.register_module()
class ConcatDataset(MMEngineConcatDataset):
    """MMEngine's `ConcatDataset`, keeping a sample's position in the stream.

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
            raise UserError('ConcatDataset: give either `sources` or `datasets`.')
        #: Names of the parts, in order; empty if they have none.
        self.source_names = [*sources] if sources else []
        super().__init__(
            [
                {**(shared or {}), **part} if isinstance(part, Mapping) else part
                for part in (sources.values() if sources else datasets or ())
            ],
            **kwargs,
        )

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        dataset_idx, sample_idx = super()._get_ori_dataset_idx(idx)
        if isinstance(idx, StreamIndex):
            sample_idx = idx.at(sample_idx)
        return dataset_idx, sample_idx
