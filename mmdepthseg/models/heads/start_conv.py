"""Convolution that starts as its head says, whatever `init_cfg` stands above it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class StartConv2d(nn.Conv2d):
    """Convolution whose first weights are those of an option of its head.

    MMEngine applies an `init_cfg` of any module above to all convolutions, so weights
    that a constructor sets are lost; afterwards it calls `init_weights` of the children
    of `BaseModule`s, this one's among them, and last it loads what `Pretrained` names.
    The modules between this one and its head must be MMEngine's. A model that nobody
    initialises starts so, too.

    Args:
        *args: Of `nn.Conv2d`.
        start: Changes the convolution in place.
        **kwargs: Of `nn.Conv2d`.
    """

    def __init__(
        self, *args: Any, start: Callable[[nn.Conv2d], object], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.start = start
        drawn = self._copies()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            start(self)
        self._first = [*zip(drawn, self._copies())]

    def _copies(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.parameters()]

    @torch.no_grad()
    def init_weights(self) -> None:
        """Do as `start` says, once."""
        for parameter, (drawn, started) in zip(
            self.parameters(), self._first, strict=True
        ):
            # nobody else has set it; a meta tensor has no values
            if not parameter.is_meta and torch.equal(parameter.cpu(), started.cpu()):
                parameter.copy_(drawn)
        self.start(self)
