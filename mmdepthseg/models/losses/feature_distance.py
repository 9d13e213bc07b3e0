"""Distance of features from those of a frozen encoder."""

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmdepthseg.geometry.tensors import check_shape, full_precision, no_autocast
from mmdepthseg.models.backbones import FrozenEncoder
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

REDUCTIONS = ('batch', 'image')


def feature_distance(
    features: Tensor, reference: Tensor, reduction: str = 'batch'
) -> Tensor:
    """Return the L2 distance between two feature tensors.

    Args:
        features: (N, C, h, w).
        reference: The same shape; no gradient.
        reduction: 'batch': sqrt of the sum of squares over N, C, h and w. 'image': the
            same over C, h and w of each image, averaged over the N images.

    Returns:
        Scalar, at least float32. Its gradient is 0 where the distance is.

    Raises:
        ValueError: The shapes differ.
    """
    check_shape('reference', reference, features.shape)
    with no_autocast(features):
        features, reference = full_precision(features, reference.detach())
        difference = (features - reference).flatten(1)
        if reduction == 'batch':
            return torch.linalg.vector_norm(difference)
        return torch.linalg.vector_norm(difference, dim=1).mean()


@MODELS.register_module()
class FeatureDistanceLoss(BaseModule):
    """Loss that keeps an encoder near its ImageNet features (3W, section 3.1).

    With the bottleneck features F(x) of the trained encoder and F_I(x) of the frozen
    ImageNet encoder, for the images x of a batch::

        loss = loss_weight * || F(x) - F_I(x) ||_2

    so that self-supervised depth, which needs no semantics, does not replace them.

    With 'batch', as in the authors' code, the norm is taken over the whole batch
    tensor. It grows with sqrt(N) and with sqrt(h w): the paper's weight of 1e-2 is for
    4 crops of 512x512 per GPU. With 'image' it is the mean of the images' own norms,
    which does not depend on N; if all distances are equal, weight w with 'batch' and N
    images equals weight w * sqrt(N) with 'image' (2e-2 for the paper's). On several
    GPUs each takes the norm over its own images and gradients are averaged, so that N
    is the number of images per GPU.

    Args:
        encoder: Config of the frozen backbone: that of the trained one with
            `init_cfg=dict(type='Pretrained', ...)`; see
            `mmdepthseg.models.backbones.FrozenEncoder`.
        loss_weight: Factor of the loss. Defaults to 1e-2, the paper's.
        reduction: 'batch' (the authors', default) or 'image'.

    Raises:
        UserError: `reduction` is neither, or `loss_weight` is negative.
    """

    def __init__(
        self, encoder: dict, loss_weight: float = 1e-2, reduction: str = 'batch'
    ) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise UserError(f'reduction must be one of {REDUCTIONS}, got {reduction!r}')
        if loss_weight < 0:
            raise UserError(f'loss_weight must not be negative, got {loss_weight}')
        self.encoder = FrozenEncoder(encoder)
        self.loss_weight = loss_weight
        self.reduction = reduction

    def forward(self, features: Tensor, img: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            features: The trained encoder's deepest level of `img`, (N, C, h, w).
            img: Normalised images (N, 3, H, W).

        Returns:
            Scalar.

        Raises:
            UserError: The encoders' features differ in shape.
        """
        reference = self.encoder(img)
        if reference.shape != features.shape:
            raise UserError(
                'FeatureDistanceLoss: the frozen encoder gives '
                f'{tuple(reference.shape)}, the trained one {tuple(features.shape)}: '
                'the encoder must have the config of the trained backbone'
            )
        return self.loss_weight * feature_distance(features, reference, self.reduction)
