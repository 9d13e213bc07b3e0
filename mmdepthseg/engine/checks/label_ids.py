"""Label ids that no class has, in data sets that do not check them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from mmdepthseg.cityscapes import IGNORED
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.engine.checks.heads import segmentation_heads
from mmdepthseg.engine.checks.metrics import LABEL_METRICS
from mmdepthseg.engine.runs import parts_of
from mmdepthseg.names import sample_name
from mmdepthseg.utils.errors import UserError, listed


@dataclass(frozen=True)
class LabelIds:
    """The ids that the labels of a data loader may have.

    `LoadSegLabel` compares labels with the table of our data sets. Those of
    MMSegmentation have none: in training the loss fails without the file's name (on a
    GPU in a kernel), and in validation pixels of other ids count as if there were no
    label.

    Args:
        place: Key of the data loader.
        count: Number of class indices, from 0.
        void: Ids that are ignored.
    """

    place: str
    count: int
    void: frozenset[int]

    @classmethod
    def of(cls, stage: str, loop: BaseLoop, model: nn.Module) -> 'LabelIds | None':
        """Return the ids that a loop can use; None if nothing is to be checked.

        Args:
            stage: 'train', 'val' or 'test', in which labels count if a metric uses
                them.
            loop: Its loop.
            model: Its heads tell the number of classes; not wrapped.
        """
        heads = [head for _, head in segmentation_heads(model)]
        users: list[Any] = heads
        if stage != 'train':
            users = [
                metric
                for metric in loop.evaluator.metrics
                if isinstance(metric, LABEL_METRICS)
                and not getattr(metric, 'format_only', False)
            ]
        dataset = getattr(loop.dataloader, 'dataset', None)
        own = all(isinstance(part, SequenceDataset) for part in parts_of(dataset))
        if own or not (heads and users):
            return None
        void = {IGNORED, *(getattr(user, 'ignore_index', IGNORED) for user in users)}
        return cls(f'{stage}_dataloader', max(map(_ids, heads)), frozenset(void))

    def check(self, batch: Any) -> None:
        """Refuse a batch with a label of other ids.

        Args:
            batch: As the data loader gives it.

        Raises:
            UserError: Names the label file, its ids, and what to do.
        """
        for sample in _labelled(batch):
            label = sample.gt_sem_seg.data
            # one maximum, in which 255 is 0, clears nearly all labels
            if not label.numel() or (label.byte() + 1).max() <= self.count:
                continue
            other = {*label.unique().tolist()} - self.void - {*range(self.count)}
            if other:
                raise UserError(self._refusal(sample, sorted(other)))

    def _refusal(self, sample: Any, ids: list[int]) -> str:
        """Return the message about ids, as the file stores them."""
        reduced = int(bool(sample.get('reduce_zero_label')))
        cures = [
            'set reduce_zero_label=True in the data set if 0 is void' * (not reduced),
            'store void as 255',
            'read the files with ImageLabelDataset and a label_table',
        ]
        path = sample.get('seg_map_path') or f'of {sample_name(sample)}'
        return (
            f'{self.place}: label {path} holds ids that the {self.count} classes do '
            f'not have: {listed([str(i + reduced) for i in ids], 8)} (expected '
            f'{reduced}..{self.count - 1 + reduced}, or 255 for void): '
            f'{", or ".join(filter(None, cures))}'
        )


def _ids(head: Any) -> int:
    """Return the number of ids of a head: two if a single channel tells a class."""
    return max(head.num_classes, 2 * (getattr(head, 'out_channels', 0) == 1))


def _labelled(batch: Any) -> Iterator[Any]:
    """Yield the samples of a batch that have a label of whole numbers."""
    if hasattr(batch, 'metainfo'):
        label = getattr(batch.get('gt_sem_seg'), 'data', None)
        if torch.is_tensor(label) and not label.is_floating_point():
            yield batch
    elif isinstance(batch, Mapping):
        yield from _labelled(batch.get('data_samples', ()))
    elif isinstance(batch, list | tuple):
        for one in batch:
            yield from _labelled(one)
