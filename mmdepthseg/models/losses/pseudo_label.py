"""Pseudo-labels, and cross entropy on them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdepthseg.cityscapes import IGNORED as VOID
from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.models.losses.over_ranks import mean_over_ranks
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    """Cross entropy on pseudo-labels, weighted by the share of confident pixels.

    `loss = weight * sum CE / number of pixels`. The sum runs over the pixels that are
    not void, the number is that of *all* pixels, and the weight is one number for the
    batch (of all ranks): the share of its pixels with confidence >= `threshold` (Olsson
    et al., WACV 2021, section 3.2; Hoyer et al., CVPR 2021, section 3.3).

    MMSeg's CrossEntropyLoss is not used: its `weight` is per pixel, so that it has to
    be computed and stored at full size, and it reads the number of valid pixels back
    from the device.

    Args:
        threshold: Confidence at or above which a pixel counts as confident.
        ignore_index: Label of void pixels.
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        threshold: float = 0.968,
        ignore_index: int = VOID,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise UserError(f'threshold must be in [0, 1], got {threshold}')
        self.threshold = threshold
        self.ignore_index = ignore_index
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor, confidence: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: (N, C, H, W).
            labels: (N, H, W), integers, `ignore_index` = void.
            confidence: (N, H, W) in [0, 1], 0 where void, 1 where ground truth.

        Returns:
            Scalar; 0 (with zero gradient) if all pixels are void.

        Raises:
            ValueError: The shapes do not fit.
        """
        check_shape('logits', logits, (None, None, None, None))
        shape = (logits.shape[0], *logits.shape[-2:])
        check_shape('labels', labels, shape)
        check_shape('confidence', confidence, shape)
        with no_autocast(logits):
            (logits,) = full_precision(logits)
            return self.loss_weight * self._loss(logits, labels.long(), confidence)

    def _loss(self, logits: Tensor, labels: Tensor, confidence: Tensor) -> Tensor:
        total = F.cross_entropy(
            logits, labels, ignore_index=self.ignore_index, reduction='sum'
        )
        confident = self.confident(labels, confidence, logits.shape[1])
        weight = mean_over_ranks(confident.float().mean())
        return weight * total / labels.numel()

    def confident(self, labels: Tensor, confidence: Tensor, classes: int) -> Tensor:
        """Return which pixels count as confident.

        Args:
            labels: (N, H, W), integers.
            confidence: (N, H, W).
            classes: Number of classes.

        Returns:
            (N, H, W), bool.
        """
        return confidence >= self.threshold


@MODELS.register_module()
class ConfidentPixelLoss(PseudoLabelLoss):
    """Cross entropy on only those pixels of which the teacher is sure.

    `loss = sum CE over pixels with confidence >= threshold / number of pixels that are
    not void` (Sohn et al., FixMatch, NeurIPS 2020, equation 4; Yang et al., UniMatch,
    CVPR 2023). The weight in the paper and in the parent class is one number for all
    pixels of a batch: wrong labels of unsure pixels count as much as sure ones. If a
    short training has not learned the rare classes yet, such labels teach the student
    that these classes do not exist.

    A teacher is rarely sure of a rare class. With `portion` the threshold of class c is
    `min(threshold, q_c)`, where q_c is the confidence that this portion of the class's
    pixels in the batch exceeds (class-balanced self-training: Zou et al., ECCV 2018,
    equation 4).

    Args:
        threshold: Confidence at or above which a pixel counts.
        portion: Portion of each class's pixels that counts at least, in [0, 1].
        ignore_index: Label of void pixels.
        loss_weight: Factor of the loss.

    Raises:
        UserError: `threshold` or `portion` is not in [0, 1].
    """

    def __init__(
        self,
        threshold: float = 0.95,
        portion: float = 0.0,
        ignore_index: int = VOID,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(threshold, ignore_index, loss_weight)
        if not 0 <= portion <= 1:
            raise UserError(f'portion must be in [0, 1], got {portion}')
        self.portion = portion

    def _loss(self, logits: Tensor, labels: Tensor, confidence: Tensor) -> Tensor:
        valid = labels != self.ignore_index
        sure = self.confident(labels, confidence, logits.shape[1])
        sure = labels.masked_fill(~sure, self.ignore_index)
        total = F.cross_entropy(
            logits, sure, ignore_index=self.ignore_index, reduction='sum'
        )
        return total / mean_over_ranks(valid.sum()).clamp(min=1)

    def confident(self, labels: Tensor, confidence: Tensor, classes: int) -> Tensor:
        """Return which pixels count; see `PseudoLabelLoss.confident`."""
        sure = confidence >= self.thresholds(labels, confidence)
        return sure & (labels != self.ignore_index)

    def thresholds(self, labels: Tensor, confidence: Tensor) -> Tensor | float:
        """Return the confidence from which on each pixel counts.

        Args:
            labels: (N, H, W), integers.
            confidence: (N, H, W).

        Returns:
            (N, H, W), or one number for all pixels without `portion`.
        """
        if not self.portion:
            return self.threshold
        labels = labels.long()
        flat, values = labels.flatten(), confidence.flatten()
        # one sort, by class and from the surest on, not a loop whose sizes are data: a
        # GPU would wait at each class
        order = (flat.double() - values.double() / 2).argsort()
        counts = flat.new_zeros(VOID + 1).scatter_add_(0, flat, torch.ones_like(flat))
        counted = (self.portion * counts.double()).round().long().clamp(min=1)
        last = (counts.cumsum(0) - counts + counted - 1).clamp(max=len(flat) - 1)
        lowest = values[order[last]].clamp(max=self.threshold)
        return lowest[labels]


@torch.no_grad()
def pseudo_labels(scores: Tensor, from_logits: bool = False) -> tuple[Tensor, Tensor]:
    """Return the hard labels and their confidence.

    Args:
        scores: Probabilities, or logits, (N, C, H, W).
        from_logits: Whether `scores` are logits. The result is that for their softmax,
            which is not computed.

    Returns:
        Labels (N, H, W) int64, void (255) where the highest probability is 0, and that
        probability (N, H, W), float32.

    Raises:
        ValueError: `scores` is not 4-D.
    """
    check_shape('scores', scores, (None, None, None, None))
    with no_autocast(scores):
        (scores,) = full_precision(scores)
        confidence, labels = scores.max(1)
        if from_logits:
            # The softmax of the winning class, without the maps of the others.
            confidence = (confidence - scores.logsumexp(1)).exp_()
        return labels.masked_fill_(confidence == 0, VOID), confidence


@torch.no_grad()
def with_ground_truth(
    labels: Tensor, confidence: Tensor, ground_truth: Tensor, is_labeled: Tensor
) -> tuple[Tensor, Tensor]:
    """Replace the pseudo-labels of images that have ground truth.

    Args:
        labels: Pseudo-labels, (N, H, W).
        confidence: (N, H, W).
        ground_truth: (N, H, W), 255 = void; any values where not labelled.
        is_labeled: (N,) bool.

    Returns:
        Labels and confidence. In labelled images confidence is 1, and 0 at void pixels,
        which stay void.

    Raises:
        ValueError: The shapes do not fit.
    """
    check_shape('ground_truth', ground_truth, labels.shape)
    check_shape('is_labeled', is_labeled, labels.shape[:1])
    labeled = is_labeled[:, None, None]
    known = (ground_truth != VOID).to(confidence.dtype)
    return (
        torch.where(labeled, ground_truth.to(labels.dtype), labels),
        torch.where(labeled, known, confidence),
    )
