"""Relative camera pose of two frames."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdepthseg.geometry import pose_vector_to_matrix
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch

# With a given first translation the last layer starts small, so that the images
# hardly change that first prediction.
FIRST_WEIGHTS = 0.3


@MODELS.register_module()
class PoseNet(BaseModule):
    """Pose of a pair of frames from one encoder (Godard et al., ICCV 2019).

    The pair, six channels, is given in temporal order; six numbers come out
    (axis-angle, translation), spatially averaged and scaled. For an earlier
    source frame the predicted transform is inverted.

    Args:
        backbone: Config of an encoder with `in_channels=6`; its last
            level is used. `init_cfg=dict(type='Pretrained', ...)` with a
            3-channel (ImageNet) checkpoint fills it: the first convolution's weights
            are repeated for the two images and halved.
        in_channels: Channels of the encoder's last level.
        channels: Hidden channels. Defaults to 256.
        rotation_factor: Factor on the axis-angle. Defaults to 0.01.
        translation_factor: Factor on the translation. Defaults to 0.01.
            Both defaults are the papers', with ImageNet weights. Larger factors let
            the net learn faster from scratch: the streets have 0.05 (rotation) and
            0.1 (translation).
        first_translation: Translation (x, y, z) that the net
            predicts at the start, whatever the images; from the earlier to the
            later frame, in units of depth. Defaults to none, the papers' start.
            A camera that looks forward and drives forward has (0, 0, -v): trained
            from scratch, starting near the true motion decides whether training
            finds the right minimum or a sideways one. Choose v = (metres per
            frame / typical depth in metres) * first depth; the streets have 0.016.
        difference_gain: 0, the papers': the six channels are the two frames.
            Above 0 they are the frames' mean and their difference times this. The
            same information, but a shift of a fraction of a pixel (a yaw, say) is a
            small change between two large numbers in the one and a signal of its own
            in the other: from scratch it is learned several times faster. On the
            streets 4 and 10 did alike; the configs have 10. Not with ImageNet
            weights, which expect images.
        init_cfg: Initialisation.
    """

    def __init__(
        self,
        backbone: dict,
        in_channels: int,
        channels: int = 256,
        rotation_factor: float = 0.01,
        translation_factor: float = 0.01,
        first_translation: Sequence[float] = (0.0, 0.0, 0.0),
        difference_gain: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.rotation_factor = rotation_factor
        self.translation_factor = translation_factor
        self.difference_gain = difference_gain
        self.head = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 6, 1),
        )
        if any(first_translation):
            self._start_with(first_translation)

    def _start_with(self, translation: Sequence[float]) -> None:
        """Make the first prediction: this translation and hardly any rotation."""
        weight, bias = self.head[-1].parameters()
        with torch.no_grad():
            weight.mul_(FIRST_WEIGHTS)
            bias.zero_()
            bias[3:] = torch.tensor(translation) / self.translation_factor

    def forward(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Return the motion from the earlier to the later frame.

        Args:
            earlier: Normalised images (N, 3, H, W).
            later: Normalised images (N, 3, H, W).

        Returns:
            Axis-angle (radians) and translation (in units
            of the depth), (N, 3) each, float32.
        """
        pair = (earlier, later)
        if self.difference_gain:
            pair = ((earlier + later) / 2, (later - earlier) * self.difference_gain)
        features = self.backbone(torch.cat(pair, dim=1))[-1]
        vector = self.head(features).float().mean((2, 3))
        return (
            vector[:, :3] * self.rotation_factor,
            vector[:, 3:] * self.translation_factor,
        )

    def source_transforms(self, batch: FrameBatch, offsets: tuple[int, ...]) -> Tensor:
        """Return target-to-source transforms for all neighbours in one pass.

        Args:
            batch: With `img` (N, 3, H, W) and `adjacent` (N, F,
                3, H, W).
            offsets: Position of each neighbour in time relative
                to the target, e.g. (-1, 1).

        Returns:
            (N, F, 4, 4).
        """
        target, adjacent = batch.img, batch.require('adjacent')
        earlier, later = [], []
        for f, offset in enumerate(offsets):
            source = adjacent[:, f]
            earlier.append(source if offset < 0 else target)
            later.append(target if offset < 0 else source)
        rotations, translations = self(torch.cat(earlier), torch.cat(later))
        n = len(target)
        return torch.stack(
            [
                pose_vector_to_matrix(
                    rotations[f * n : (f + 1) * n],
                    translations[f * n : (f + 1) * n],
                    invert=offset < 0,
                )
                for f, offset in enumerate(offsets)
            ],
            dim=1,
        )
