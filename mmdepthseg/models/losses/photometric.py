"""Photometric error between two images."""

from torch import Tensor, nn

from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.models.losses.ssim import (
    ImageStatistics,
    PhotometricFunction,
    image_statistics,
)
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class PhotometricError(nn.Module):
    """Per-pixel difference between two images (Godard et al., ICCV 2019, equation 2).

    `error(a, b) = w mean_c SSIM'(a, b) + (1 - w) mean_c |a - b|` with `SSIM' = clamp((1
    - SSIM) / 2, 0, 1)`, 3x3 mean windows, reflection padding, C1 = 0.01^2, C2 = 0.03^2,
      images in [0, 1]. It is computed in float32 at least.

    The target's share of the SSIM is computed once by `prepare` and reused for every
    prediction compared with it.

    Args:
        ssim_weight: Weight w, in [0, 1]; 0 gives the L1 error alone.

    Raises:
        UserError: `ssim_weight` is outside [0, 1].
    """

    def __init__(self, ssim_weight: float = 0.85) -> None:
        super().__init__()
        if not 0 <= ssim_weight <= 1:
            raise UserError(f'ssim_weight must be in [0, 1], got {ssim_weight}')
        self.ssim_weight = ssim_weight

    def prepare(self, target: Tensor) -> ImageStatistics:
        """Compute statistics of target images (N, 3, H, W) in [0, 1]; no gradient.

        Raises:
            ValueError: The target is not 4-D or is smaller than 2x2.
        """
        check_shape('target', target, (None, None, None, None))
        if min(target.shape[-2:]) < 2:
            raise ValueError(
                'The SSIM window needs images of at least 2x2 pixels, got '
                f'{target.shape[-2]}x{target.shape[-1]}'
            )
        with no_autocast(target):
            (target,) = full_precision(target)
            return image_statistics(target, self.ssim_weight > 0)

    def forward(self, predicted: Tensor, target: Tensor | ImageStatistics) -> Tensor:
        """Return the error of predicted images.

        Args:
            predicted: (N, 3, H, W), or F of them per target (N, F, 3, H, W), in [0, 1].
                Only they get a gradient, and only once (no double backward).
            target: The images (N, 3, H, W), or the result of `prepare` for them.

        Returns:
            Error map in [0, 1], (N, 1, H, W) or (N, F, 1, H, W).

        Raises:
            ValueError: The shapes do not fit.
        """
        if isinstance(target, Tensor):
            target = self.prepare(target)
        shape = tuple(target.image.shape)
        if predicted.dim() == 5:
            check_shape('predicted', predicted, (shape[0], None, *shape[1:]))
            target = target.unsqueeze(1)
        else:
            check_shape('predicted', predicted, shape)
        with no_autocast(predicted):
            (predicted,) = full_precision(predicted)
            return PhotometricFunction.apply(predicted, self.ssim_weight, target)
