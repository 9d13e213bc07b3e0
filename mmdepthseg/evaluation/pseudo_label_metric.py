"""Coverage and precision of a teacher's confident predictions."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmdepthseg.cityscapes import IGNORED as VOID
from mmdepthseg.registry import METRICS
from mmdepthseg.utils.errors import UserError


def pseudo_label_counts(logits: Tensor, truth: Tensor, threshold: float) -> Tensor:
    """Count the pixels of an image by class: all, sure, labelled, correctly labelled.

    Args:
        logits: Scores (C, H, W) before the softmax.
        truth: Labels (H, W); 255 = void, which is not counted.
        threshold: Minimum confidence of a sure pixel.

    Returns:
        Counts (4, C), float64: pixels of the class; sure pixels of the class; sure
        pixels labelled as the class; sure pixels of the class labelled as it.
    """
    confidence, labels = logits.float().softmax(0).max(0)
    known, sure = truth != VOID, confidence >= threshold
    right = sure & (labels == truth)
    parts = (
        truth[known],
        truth[known & sure],
        labels[known & sure],
        truth[known & right],
    )
    classes = len(logits)
    return torch.stack(
        [p.flatten().bincount(minlength=classes) for p in parts]
    ).double()


@METRICS.register_module()
class PseudoLabelMetric(BaseMetric):
    """Coverage and precision of confident predictions, by class.

    Evaluated with the teacher (`TeacherStudentValLoop`) on labelled frames that it was
    not trained on, it shows how good the teacher's pseudo-labels are: a class with low
    coverage is hardly taught, and one with low precision is taught wrongly.

    - `coverage.NAME`: share of the class's pixels that are sure, in %;
    - `precision.NAME`: share of the sure pixels labelled as this class that belong to
      it, in %;
    - `coverage` and `precision`: the same over all pixels;
    - `mCoverage` and `mPrecision`: means over the classes that occur.

    The precision of a class that no sure pixel was labelled as is left out; it counts
    as 0 in `mPrecision`.

    Args:
        threshold: Minimum confidence of a sure pixel; give that of the training's loss.
            Its default is `PseudoLabelLoss`'s; the pixels that the `portion` of a
            `ConfidentPixelLoss` adds, which depend on the batch, do not count here.
        collect_device: As in `BaseMetric`.
        prefix: As in `BaseMetric`.
        **kwargs: Passed to `BaseMetric`.

    Raises:
        UserError: The threshold is not in [0, 1], or a sample has no label.
    """

    def __init__(
        self,
        threshold: float = 0.968,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, **kwargs)
        if not 0 <= threshold <= 1:
            raise UserError(f'threshold must be in [0, 1], got {threshold}')
        self.threshold = threshold

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the counts of a batch.

        Args:
            data_batch: Unused.
            data_samples: Dicts with `seg_logits` (C, H, W) and `gt_sem_seg` (1, H, W)
                of the same size.

        Raises:
            UserError: One of them is missing; the message names the image.
        """
        for sample in data_samples:
            for key in ('seg_logits', 'gt_sem_seg'):
                if key not in sample:
                    raise UserError(
                        f'PseudoLabelMetric: {sample.get("img_path")} has no {key}; '
                        'it needs a segmentation model and labelled images'
                    )
            logits = sample['seg_logits']['data']
            if len(logits) == 1:
                raise UserError(
                    'PseudoLabelMetric: the network has a single channel (out_channels='
                    '1), of which it has no confidence of each class: leave the metric '
                    'out, or train with two channels'
                )
            truth = sample['gt_sem_seg']['data'].squeeze(0).to(logits.device).long()
            counts = pseudo_label_counts(logits, truth, self.threshold)
            self.results.append(counts.cpu())

    def figure_names(self) -> list[str]:
        """Return the names of the figures, the main one first."""
        totals = ['mPrecision', 'mCoverage', 'precision', 'coverage']
        classes = (self.dataset_meta or {}).get('classes') or ()
        kinds = ('precision', 'coverage')
        return totals + [f'{kind}.{name}' for kind in kinds for name in classes]

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Compute the figures over all images, in %."""
        counts = torch.stack(results).sum(0)
        pixels, sure, given, right = counts
        coverage, precision = 100 * sure / pixels, 100 * right / given
        occurs = pixels > 0
        total = counts.sum(1)
        figures = dict(
            coverage=100 * total[1] / total[0],
            precision=100 * total[3] / total[2],
            mCoverage=coverage[occurs].mean(),
            mPrecision=precision[occurs].nan_to_num(0).mean(),
        )
        for label, name in enumerate(self.dataset_meta['classes']):
            if occurs[label]:
                figures[f'coverage.{name}'] = coverage[label]
            if given[label]:
                figures[f'precision.{name}'] = precision[label]
        return {name: round(float(value), 2) for name, value in figures.items()}
