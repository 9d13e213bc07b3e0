"""Concatenation that keeps what an index knows."""

from collections.abc import Mapping, Sequence

from mmengine.dataset import BaseDataset
from mmengine.dataset import ConcatDataset as MMEngineConcatDataset

from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.registry import DATASETS


@DATASETS.register_module()
class ConcatDataset(MMEngineConcatDataset):
    """MMEngine's `ConcatDataset`, keeping a sample's position in the stream.

    The parent subtracts the offset of the part, which turns our `StreamIndex` into
    a plain int; then a resumed run could not replay the augmentation. And its parts
    have nothing in common, so that one setting of both, such as which images are
    labelled, would stand, and have to be changed, in two places.

    Args:
        datasets: Configs or data sets.
        shared: Config entries of all parts that are configs. A part's own entry of
            the same name takes the place of the shared one as a whole.
        **kwargs: Of MMEngine's `ConcatDataset`.
    """

    def __init__(
        self,
        datasets: Sequence[BaseDataset | Mapping],
        shared: Mapping | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            [
                {**(shared or {}), **part} if isinstance(part, Mapping) else part
                for part in datasets
            ],
            **kwargs,
        )

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        dataset_idx, sample_idx = super()._get_ori_dataset_idx(idx)
        if isinstance(idx, StreamIndex):
            sample_idx = idx.at(sample_idx)
        return dataset_idx, sample_idx
