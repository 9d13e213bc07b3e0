"""What every depth head shares: disparity to depth, and the loss."""

from abc import abstractmethod
from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdepthseg.geometry import disparity_to_depth
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch

LOSS_DEPTH = dict(type='ViewSynthesisLoss')


class BaseDepthHead(BaseModule):
    """A map from backbone features to sigmoid disparities.

    Subclasses implement :meth:`forward`. Disparity is a sigmoid in (0, 1); depth
    = 1 / (1/max_depth + (1/min_depth - 1/max_depth) * disparity), known up to one
    scale factor per model.

    Args:
        min_depth (float): Depth at disparity 1. Defaults to 0.1.
        max_depth (float): Depth at disparity 0. Defaults to 100.
        loss_depth (dict): Config of the self-supervised loss.
        init_cfg (dict, optional): Initialisation.
    """

    def __init__(self,
                 min_depth: float = 0.1,
                 max_depth: float = 100.,
                 loss_depth: dict = LOSS_DEPTH,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not 0 < min_depth < max_depth:
            raise ValueError('depth head: expected 0 < min_depth < max_depth, got '
                             f'min_depth={min_depth}, max_depth={max_depth}')
        self.min_depth = min_depth
        self.max_depth = max_depth
        self.loss_depth = MODELS.build(
            dict(loss_depth, min_depth=min_depth, max_depth=max_depth))

    @abstractmethod
    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features -> disparities (N, 1, h_s, w_s), finest scale first."""

    def loss(self, features: Sequence[Tensor], batch: FrameBatch,
             transforms: Tensor) -> dict[str, Tensor]:
        """Self-supervised loss of the batch's frames.

        Args:
            features (Sequence[Tensor]): Backbone levels of the target frames.
            batch (FrameBatch): With ``img_raw`` (N, 3, H, W), ``adjacent_raw``
                (N, F, 3, H, W) and ``cam2img`` (N, 3, 3).
            transforms (Tensor): Target camera to source camera (N, F, 4, 4).

        Returns:
            dict[str, Tensor]: ``loss_photometric``, ``loss_smooth``.
        """
        return self.loss_depth(
            self(features), batch.img_raw, batch.adjacent_raw, batch.cam2img,
            transforms)

    def predict(self, features: Sequence[Tensor],
                size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Disparity and depth of the finest scale at an image size.

        Args:
            features (Sequence[Tensor]): Backbone levels.
            size (tuple[int, int]): (H, W) of the images.

        Returns:
            tuple[Tensor, Tensor]: Disparity in (0, 1) and depth, (N, 1, H, W).
        """
        disparity = self(features)[0].float()
        if disparity.shape[2:] != tuple(size):
            disparity = F.interpolate(
                disparity, size=size, mode='bilinear', align_corners=False)
        _, depth = disparity_to_depth(disparity, self.min_depth, self.max_depth)
        return disparity, depth
