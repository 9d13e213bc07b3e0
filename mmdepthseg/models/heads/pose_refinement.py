"""Poses refined by direct image alignment."""

import torch
from mmengine.dist import all_gather
from torch import Tensor, nn

from mmdepthseg.geometry.alignment import align_frames
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError

#: Share of a batch's longest translation below which a pair counts as standing.
STANDING = 1 / 4


@MODELS.register_module()
class DirectPoseRefinement(nn.Module):
    """Refinement of a pose net's output by direct alignment; the net learns from it.

    The depth of a far facade moves the image by half a pixel between two frames. A pose
    error of a tenth of a degree in yaw hides this, and training from scratch spends
    most of its time there. A few Gauss-Newton steps on the images themselves, with the
    current depth, find the motion several times more accurately (Wang et al., "Learning
    Depth from Monocular Videos using Direct Methods", CVPR 2018, who also place them
    after the pose net). Here they pass no gradient: view synthesis uses the refined
    motion, and the net learns from `loss_pose`, which pulls its output towards it.
    Where alignment finds nothing better or diverges (empty roads have little texture),
    view synthesis uses the net's own motion, and the net learns from it as it does
    without refinement.

    Depth and motion are known up to one common factor, and least squares on noisy
    images finds motions that are slightly too short: depth would follow, step by step,
    to the end of its range. The refined translations of a batch are therefore scaled,
    all by one factor, to the size of the pose net's, and the unit of depth stays as
    `first_translation` set it. Pairs of a standing car, whose translation is shorter
    than `STANDING` of the longest of the batch, have no say in this factor, and the net
    does not learn from them: as long as it does not know that a car stands, it would
    learn shorter motions for all, and the factor would follow.

    Not part of 3W or Monodepth2; for training only, at the cost of `iterations` + 1
    warps of a grey image.

    Args:
        iterations: Gauss-Newton steps. Defaults to 2.
        robust: See `mmdepthseg.geometry.align_frames`.
        max_shift: See the same function. Defaults to 0.03 of the width.
        loss_weight: Factor of `loss_pose`. Defaults to 1.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        iterations: int = 2,
        robust: float = 0.02,
        max_shift: float = 0.03,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if iterations < 1 or robust <= 0 or max_shift <= 0 or loss_weight < 0:
            raise UserError(
                'DirectPoseRefinement: expected iterations >= 1, robust > 0, '
                'max_shift > 0 and loss_weight >= 0, got '
                f'{iterations}, {robust}, {max_shift}, {loss_weight}'
            )
        self.iterations = iterations
        self.robust = robust
        self.max_shift = max_shift
        self.loss_weight = loss_weight

    def forward(
        self, batch: FrameBatch, depth: Tensor, transforms: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Refine the poses of a batch.

        Args:
            batch: With `img_raw` (N, 3, H, W), `adjacent_raw` (N, F, 3, H, W) and
                `cam2img` (N, 3, 3).
            depth: Depth of the target frames (N, 1, H, W); it gets no gradient.
            transforms: The pose net's (N, F, 4, 4).

        Returns:
            Transforms (N, F, 4, 4), the refined ones without gradient; `loss_pose`, the
            absolute differences summed over the entries of rotation and translation and
            averaged over all pairs, those that stand as zero; and `refined`, the share
            of refined pairs.
        """
        frames = transforms.shape[1]

        def repeat(tensor: Tensor) -> Tensor:
            return tensor.repeat_interleave(frames, 0)

        found, improved = align_frames(
            repeat(batch.require('img_raw')),
            batch.require('adjacent_raw').flatten(0, 1),
            repeat(depth.detach()),
            transforms.detach().flatten(0, 1),
            repeat(batch.require('cam2img')),
            self.iterations,
            self.robust,
            self.max_shift,
        )
        found, moving = self._keep_scale(found.view_as(transforms), transforms)
        chosen = improved.view(-1, frames, 1, 1)
        found = torch.where(chosen, found, transforms)
        distance = (transforms - found)[..., :3, :].abs().sum((-2, -1))
        distance = distance.masked_fill(~moving, 0).mean()
        return found, dict(
            loss_pose=self.loss_weight * distance, refined=improved.float().mean()
        )

    @staticmethod
    @torch.no_grad()
    def _keep_scale(found: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Scale translations to the given ones' length in the direction of these.

        Also tell which pairs move, bool (N, F).

        Their own lengths must not become equal: the net predicts the mean of uncertain
        motions, which is shorter than each of them, and would shrink without end. Found
        motions of a standing car are much shorter than those that a net predicts which
        does not know yet that it stands: with the median over many of them, the motions
        of the moving pairs, and with them depth, would grow without end.
        """
        before, after = given[..., :3, 3], found[..., :3, 3]
        along = (before * after).sum(-1)
        ratio = torch.where(
            along > 0, before.square().sum(-1) / along, torch.ones_like(along)
        )
        factor = torch.ones_like(found)
        length = after.norm(dim=-1)
        # of all ranks, so that depth has one unit
        pairs = torch.stack([ratio.flatten(), length.flatten()])
        ratios, lengths = torch.cat(all_gather(pairs), 1)
        shortest = STANDING * lengths.max()
        ratios = ratios.masked_fill(lengths < shortest, torch.nan)
        factor[..., :3, 3] = ratios.nanquantile(0.5)
        return found * factor, length >= shortest
