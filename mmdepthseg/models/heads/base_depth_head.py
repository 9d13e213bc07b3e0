"""Base class of depth heads: disparity to depth, and the losses."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdepthseg.geometry import check_depth_range, disparity_to_depth
from mmdepthseg.geometry.tensors import full_precision
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import filled_in, refuse

LOSS_DEPTH = dict(type='ViewSynthesisLoss')


class BaseDepthHead(BaseModule):
    """Base class of depth heads, from backbone features to sigmoid disparities.

    Subclasses implement `forward`. Disparity is a sigmoid in (0, 1); depth = 1 /
    (1/max_depth + (1/min_depth - 1/max_depth) * disparity), known up to one scale
    factor per model.

    Args:
        min_depth: Depth at disparity 1. Defaults to 0.1.
        max_depth: Depth at disparity 0. Defaults to 100.
        loss_depth: Config of the self-supervised loss, without the range of depths.
        loss_disparity: Config of a loss on stored depth labels, such as
            `dict(type='BerHuLoss')`, from which the students of data selection learn
            (3W, section 3.5). None, the default: labels are ignored.
        valid_height: Share of the rows, from the top, that `loss_disparity` uses; the
            paper's 0.9 leaves out the ego vehicle. The rows are those of the network's
            input, so crops should span the full height of the image. Defaults to 1.
        init_cfg: Initialisation.
    """

    def __init__(
        self,
        min_depth: float = 0.1,
        max_depth: float = 100.0,
        loss_depth: dict = LOSS_DEPTH,
        loss_disparity: dict | None = None,
        valid_height: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_depth_range('depth head', min_depth, max_depth)
        refuse(
            'depth head',
            {
                f'expected 0 < valid_height <= 1, got {valid_height}': (
                    not 0 < valid_height <= 1
                ),
                f'valid_height={valid_height} is for loss_disparity, but there is '
                'none: give one, or leave valid_height out': (
                    loss_disparity is None and valid_height != 1
                ),
            },
        )
        self.min_depth = min_depth
        self.max_depth = max_depth
        depth_range = dict(min_depth=min_depth, max_depth=max_depth)
        self.loss_depth = MODELS.build(
            filled_in(loss_depth, 'depth head: loss_depth', **depth_range)
        )
        self.loss_disparity: Any = None
        if loss_disparity is not None:
            self.loss_disparity = MODELS.build(loss_disparity)
        self.valid_height = valid_height

    @abstractmethod
    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features to disparities (N, 1, h_s, w_s), finest scale first."""

    def loss(
        self, disparities: Sequence[Tensor], batch: FrameBatch, transforms: Tensor
    ) -> dict[str, Tensor]:
        """Return the self-supervised loss of the batch's frames.

        Args:
            disparities: Disparities of the target frames, from `forward`.
            batch: With `img_raw` (N, 3, H, W), `adjacent_raw` (N, F, 3, H, W) and
                `cam2img` (N, 3, 3).
            transforms: Target camera to source camera (N, F, 4, 4).

        Returns:
            `loss_photometric`, `loss_smooth`.
        """
        return self.loss_depth(
            disparities, batch.img_raw, batch.adjacent_raw, batch.cam2img, transforms
        )

    def supervised_loss(
        self, disparities: Sequence[Tensor], target: Tensor, known: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss on depth labels at their resolution, averaged over scales.

        Pixels that do not count are masked; a loss that averages over all pixels
        (`BerHuLoss`) treats them as exact.

        Args:
            disparities: From `forward`.
            target: Disparity of the teacher (N, 1, H, W).
            known: Where there is a label, bool (N, 1, H, W).

        Returns:
            `loss_disparity`.
        """
        mask = known.clone()
        mask[:, :, int(self.valid_height * mask.shape[2]) :] = False
        size = target.shape[2:]
        losses = [
            self.loss_disparity(
                F.interpolate(d, size=size, mode='bilinear', align_corners=False)
                if d.shape[2:] != size
                else d,
                target,
                mask,
            )
            for d in disparities
        ]
        return dict(loss_disparity=sum(losses) / len(losses))

    def predict(
        self, disparities: Sequence[Tensor], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Return the disparity and depth of the finest scale at an image size.

        Args:
            disparities: From `forward`.
            size: (H, W) of the images.

        Returns:
            Disparity in (0, 1) and depth, (N, 1, H, W).
        """
        (disparity,) = full_precision(disparities[0])
        if disparity.shape[2:] != tuple(size):
            disparity = F.interpolate(
                disparity, size=size, mode='bilinear', align_corners=False
            )
        _, depth = disparity_to_depth(disparity, self.min_depth, self.max_depth)
        return disparity, depth
