"""Reverse Huber loss."""

import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor, nn

from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class BerHuLoss(nn.Module):
    """Reverse Huber loss (Laina et al., 3DV 2016, equation 1).

    With d = abs(prediction - target) and C = `threshold` * max(d) over the batch of all
    ranks (a constant for the gradient), the loss is d where d <= C and (d^2 + C^2) / (2
    C) elsewhere. It is averaged over *all* pixels; masked ones count as 0.

    Args:
        threshold: Share of the largest error at which the loss turns quadratic.
        log: Whether to compare log(1 + x) of both.
        loss_weight: Factor of the loss.

    Raises:
        UserError: `threshold` is not positive.
    """

    def __init__(
        self, threshold: float = 0.2, log: bool = False, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if threshold <= 0:
            raise UserError(f'threshold must be positive, got {threshold}')
        self.threshold = threshold
        self.log = log
        self.loss_weight = loss_weight

    def forward(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            prediction: (N, 1, H, W), above -1 if `log`.
            target: The same shape; no gradient.
            mask: The same shape, bool or weights; where it is 0 the pixel counts as
                exact. None: all pixels.

        Returns:
            Scalar. A batch without any error gives 0 with zero gradient.

        Raises:
            ValueError: The shapes differ.
        """
        check_shape('target', target, prediction.shape)
        if mask is not None:
            check_shape('mask', mask, prediction.shape)
        with no_autocast(prediction):
            prediction, target = full_precision(prediction, target.detach())
            if self.log:
                prediction, target = prediction.log1p(), target.log1p()
            error = (prediction - target).abs()
            if mask is not None:
                error = error * mask
            # Not .item(): that would wait for the device. The floor keeps the
            # unused branch finite when there is no error at all.
            tiny = torch.finfo(error.dtype).tiny
            largest = error.detach().max()
            if is_distributed():
                all_reduce(largest, op='max')
            knee = (self.threshold * largest).clamp(min=tiny**0.5)
            quadratic = (error * error + knee * knee) / (2 * knee)
            loss = torch.where(error <= knee, error, quadratic).mean()
            return self.loss_weight * loss
