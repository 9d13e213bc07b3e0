"""Hook that tells when depth has nothing to learn from, because all frames stand."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError

#: Share of pixels, 0..1: identical frames leave less than a thousandth, a driving car
#: about half. A few that stand leave most of the pixels of the others.
_LEAST_SHARE = 0.01


@HOOKS.register_module()
class StandingFramesHook(Hook):
    """Warn, once, if view synthesis wins nearly no pixel over many iterations.

    Auto-masking (Godard et al., ICCV 2019) leaves out the pixels that the unwarped
    neighbour explains as well. Of identical frames these are all: the photometric loss
    is about 0, smoothness alone remains, and depth ends as a constant at a limit of its
    range, while the loss falls.

    Args:
        interval: Number of iterations over which `warped` of `ViewSynthesisLoss` is
            averaged; in a single one it may be near 0 by chance.

    Raises:
        UserError: `interval` is less than 1.
    """

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise UserError(f'interval must be at least 1, got {interval}')
        self.interval = interval
        self._shares: list[torch.Tensor] = []
        self._first = 0
        self._told = False

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Note the share; look at the shares once in each interval."""
        shares = [
            torch.as_tensor(value).detach().float().mean()
            for name, value in (outputs or {}).items()
            if name.endswith('depth.warped')
        ]
        if self._told or not shares:
            return
        if not self._shares:
            self._first = runner.iter + 1
        self._shares.append(torch.stack(shares).mean())
        if len(self._shares) < self.interval:
            return
        share = float(torch.stack(self._shares).mean())  # waits for the device
        self._shares.clear()
        if share < _LEAST_SHARE:
            self._told = True
            runner.logger.warning(
                f'iterations {self._first} to {runner.iter + 1}: view synthesis '
                f'explains {share:.2%} of the pixels (depth.warped) better than '
                'neighbouring frames as they are, so depth learns nothing. Most often '
                'frames are identical, or nearly: look for copies among them and for '
                'clips in which nothing moves, or take frames further apart (offsets '
                'of the data set). If they move, the training may have diverged: try a '
                'lower rate'
            )
