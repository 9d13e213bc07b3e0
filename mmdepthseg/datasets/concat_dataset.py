"""Concatenation that keeps what an index knows."""

from mmengine.dataset import ConcatDataset as MMEngineConcatDataset

from mmdepthseg.registry import DATASETS

from .samplers.stream_index import StreamIndex


@DATASETS.register_module()
class ConcatDataset(MMEngineConcatDataset):
    """MMEngine's ``ConcatDataset``, keeping a sample's position in the stream.

    The parent subtracts the offset of the part, which turns our ``StreamIndex`` into
    a plain int; then a resumed run could not replay the augmentation.
    """

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        dataset_idx, sample_idx = super()._get_ori_dataset_idx(idx)
        if isinstance(idx, StreamIndex):
            sample_idx = idx.at(sample_idx)
        return dataset_idx, sample_idx
