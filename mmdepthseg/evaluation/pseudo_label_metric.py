"""How many pixels a teacher labels for certain, and how many of them rightly."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmdepthseg.registry import METRICS
from mmdepthseg.utils.errors import UserError

VOID = 255


def pseudo_label_counts(logits: Tensor, truth: Tensor, threshold: float) -> Tensor:
    """Count an image's pixels by class: all, sure, labelled and rightly labelled.

    Args:
        logits: (C, H, W).
        truth: (H, W), 255 = void, which is not counted.
        threshold: Confidence from which on a pixel is sure.

    Returns:
        (4, C), float64: pixels of the class; those of them that are sure; sure pixels
        that are given the class; those of them that are of the class.
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
    not trained on, it tells what the teacher's pseudo-labels are worth: a class of low
    coverage is not taught, one of low precision is taught wrongly.

    - `coverage.NAME`: share of the class's pixels that are sure, in %;
    - `precision.NAME`: share of the sure pixels given this class that are of it, in %;
    - `coverage` and `precision`: over all pixels;
    - `mCoverage` and `mPrecision`: means over the classes that occur.

    Precision of a class that no sure pixel was given is left out.

    Args:
        threshold: Confidence from which on a pixel is sure, as the training's.
        collect_device: Of `BaseMetric`.
        prefix: Of `BaseMetric`.
        **kwargs: Of `BaseMetric`.

    Raises:
        UserError: If the threshold is not in [0, 1]; for samples without label.
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
            raise UserError(f'threshold must be in [0, 1], got {threshold}.')
        self.threshold = threshold

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the counts of a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with `seg_logits` (C, H, W) and `gt_sem_seg`
                (1, H, W) of the same size.

        Raises:
            UserError: If one of them is missing; names the image.
        """
        for sample in data_samples:
            for key in ('seg_logits', 'gt_sem_seg'):
                if key not in sample:
                    raise UserError(
                        f'PseudoLabelMetric: {sample.get("img_path")} has no {key}; '
                        'needs a segmentation model and labelled images'
                    )
            logits = sample['seg_logits']['data']
            truth = sample['gt_sem_seg']['data'].squeeze(0).to(logits.device).long()
            counts = pseudo_label_counts(logits, truth, self.threshold)
            self.results.append(counts.cpu())

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Return the figures of all images, in %."""
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
