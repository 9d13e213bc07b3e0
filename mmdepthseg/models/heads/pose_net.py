"""Relative camera pose of two frames."""

from collections.abc import Sequence
from functools import partial

import torch
from mmengine.model import BaseModule, Sequential
from torch import Tensor, nn

from mmdepthseg.geometry import pose_vector_to_matrix
from mmdepthseg.geometry.tensors import full_precision
from mmdepthseg.models.heads.start_conv import StartConv2d
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch

# With a first translation the last layer starts small, so that the images hardly
# change the first prediction.
FIRST_WEIGHTS = 0.3


@MODELS.register_module()
class PoseNet(BaseModule):
    """Network for the relative pose of two frames (Godard et al., ICCV 2019).

    The input is the pair in temporal order (six channels), the output six numbers
    (axis-angle, translation), averaged over the image and scaled. For an earlier source
    frame the predicted transform is inverted.

    Args:
        backbone: Config of an encoder with `in_channels=6`; its last level is used.
            `init_cfg=dict(type='Pretrained', ...)` with a 3-channel (ImageNet)
            checkpoint fills it: the first convolution's weights are repeated for the
            two images and halved.
        in_channels: Channels of the encoder's last level.
        channels: Hidden channels. Defaults to 256.
        rotation_factor: Factor on the axis-angle. Defaults to 0.01.
        translation_factor: Factor on the translation. Defaults to 0.01. Both defaults
            are the papers', with ImageNet weights. Larger factors let the net learn
            faster from scratch: the streets configs use 0.05 (rotation) and 0.1
            (translation).
        first_translation: Translation (x, y, z) that the net predicts at first,
            whatever the images, from the earlier to the later frame, in units of depth.
            Defaults to zero, as in the papers. For a camera that looks and drives
            forward it is (0, 0, -v): when training from scratch, a start near the true
            motion decides whether training finds the right minimum or one with sideways
            motion. Choose v = (metres per frame / typical depth in metres) * first
            depth; the streets configs use 0.016.
        difference_gain: With 0, as in the papers, the six channels are the two frames.
            Above 0 they are the mean of the frames and their difference times this
            factor. The information is the same, but a shift by a fraction of a pixel
            (for example from yaw) is a small change between two large numbers in the
            first form and a signal of its own in the second: from scratch it is learned
            several times faster. On the streets 4 and 10 worked equally well; the
            configs use 10. Do not use it with ImageNet weights, which expect images.
        per_frame: In `source_transforms` the output is the motion per frame: axis-angle
            and translation are multiplied by the distance in time, the absolute offset,
            as if velocity were constant. For several distances at once, such as
            offsets (-2, -1, 1, 2), or for another one than in an earlier training.
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
        per_frame: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.per_frame = per_frame
        self.rotation_factor = rotation_factor
        self.translation_factor = translation_factor
        self.difference_gain = difference_gain
        start = partial(
            start_with, translation=first_translation, factor=translation_factor
        )
        self.head = Sequential(
            nn.Conv2d(in_channels, channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            StartConv2d(channels, 6, 1, start=start),
        )

    def forward(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Return the motion from the earlier to the later frame.

        With `per_frame` it is the mean motion per frame between them.

        Args:
            earlier: Normalised images (N, 3, H, W).
            later: Normalised images (N, 3, H, W).

        Returns:
            Axis-angle (radians) and translation (in units of the depth), (N, 3) each,
            at least float32.
        """
        pair = (earlier, later)
        if self.difference_gain:
            pair = ((earlier + later) / 2, (later - earlier) * self.difference_gain)
        features = self.backbone(torch.cat(pair, dim=1))[-1]
        (vector,) = full_precision(self.head(features))
        vector = vector.mean((2, 3))
        return (
            vector[:, :3] * self.rotation_factor,
            vector[:, 3:] * self.translation_factor,
        )

    def source_transforms(self, batch: FrameBatch, offsets: tuple[int, ...]) -> Tensor:
        """Return the target-to-source transforms of all neighbours from one pass.

        Args:
            batch: With `img` (N, 3, H, W) and `adjacent` (N, F, 3, H, W).
            offsets: Position of each neighbour in time relative to the target, e.g.
                (-1, 1).

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
        matrices = []
        for f, offset in enumerate(offsets):
            pairs = slice(f * n, (f + 1) * n)
            frames = abs(offset) if self.per_frame else 1
            matrices.append(
                pose_vector_to_matrix(
                    frames * rotations[pairs],
                    frames * translations[pairs],
                    invert=offset < 0,
                )
            )
        return torch.stack(matrices, dim=1)


def start_with(conv: nn.Conv2d, translation: Sequence[float], factor: float) -> None:
    """Set the first prediction to a translation and hardly any rotation (in place).

    Args:
        conv: The last convolution.
        translation: Three numbers; 0 changes nothing.
        factor: By which its output is multiplied.
    """
    assert conv.bias is not None
    if any(translation):
        conv.weight.mul_(FIRST_WEIGHTS)
        conv.bias.zero_()
        conv.bias[3:] = torch.tensor(translation) / factor
