"""ClassMix: half of the classes."""

import torch
from torch import Tensor

from mmdepthseg.cityscapes import IGNORED as VOID
from mmdepthseg.models.mixing.base import BatchMix
from mmdepthseg.models.mixing.mix_batch import MixBatch, draw_uniform
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError

#: Labels are bytes.
LABELS = 256


@TRANSFORMS.register_module()
class ClassMix(BatchMix):
    """Mixer that keeps half of the classes of image i.

    Of the k classes present in the (pseudo-)label, floor(k / 2) are drawn; their pixels
    stay. Void is not a class and is never kept.

    Args:
        temperature: With None all classes are drawn with the same probability, as in
            the paper. With a number T > 0 they are drawn, one after the other, with
            probabilities proportional to `exp((1 - f_c) / T)`, where f_c is the share
            of class c in the batch's pixels: rare classes are pasted more often (Hoyer
            et al., DAFormer, CVPR 2022, equation 7, there for choosing source images).
        **kwargs: See `BatchMix`.

    Raises:
        UserError: The temperature is not positive.
    """

    needs_disparity = False

    def __init__(self, temperature: float | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if temperature is not None and temperature <= 0:
            raise UserError(
                f'ClassMix: temperature must be positive, got {temperature}'
            )
        self.temperature = temperature

    def draw_masks(
        self, batch: MixBatch, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the pixels of the drawn classes."""
        labels = batch.labels.flatten(1)
        present = torch.zeros(
            len(batch), LABELS, dtype=torch.bool, device=labels.device
        ).scatter_(1, labels, True)
        present[:, VOID] = False
        scores = draw_uniform((len(batch), LABELS), 0, 1, labels.device, generator)
        if self.temperature is not None:
            scores = favour_rare(scores, labels, self.temperature)
        return class_masks(batch.labels, pick_half(present, scores))


def favour_rare(scores: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Turn uniform numbers into scores that put rare classes first more often.

    The k classes with the highest `log w + Gumbel noise` are a draw without replacement
    with weights w, here `exp(-f_c / temperature)`.

    Args:
        scores: (N, 256), uniform in [0, 1).
        labels: (N, H * W), 255 = void; f_c is a class's share of all that are not.
        temperature: Above 0.

    Returns:
        (N, 256), float64.
    """
    counts = labels.flatten().bincount(minlength=LABELS).double()
    counts[VOID] = 0
    shares = counts / counts.sum().clamp(min=1)
    noise = -(-scores.double().clamp(min=1e-12).log()).log()
    return noise - shares / temperature


def pick_half(present: Tensor, scores: Tensor) -> Tensor:
    """Return the floor(k / 2) present classes with the highest scores.

    Args:
        present: (N, L) bool, k of them True.
        scores: (N, L), finite.

    Returns:
        (N, L) bool.
    """
    # Sorted positions of all classes, the absent ones last; of equal ones the first,
    # on every device.
    order = scores.masked_fill(~present, -torch.inf).argsort(
        dim=1, descending=True, stable=True
    )
    ranks = torch.arange(present.shape[1], device=present.device)
    taken = ranks < (present.sum(1, keepdim=True) // 2)
    return torch.zeros_like(present).scatter_(1, order, taken)


def class_masks(labels: Tensor, picked: Tensor) -> Tensor:
    """Return the pixels whose class is picked.

    Args:
        labels: (N, H, W) int64.
        picked: (N, L) bool.

    Returns:
        (N, 1, H, W) bool.
    """
    return picked.gather(1, labels.flatten(1)).view_as(labels).unsqueeze(1)
