"""Which modules of a network train."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def kept_modes(*networks: 'nn.Module') -> Iterator[None]:
    """Restore at the end whether each module trains.

    `network.train(was_training)` would change modules with a mode of their own.
    """
    modes = [(m, m.training) for network in networks for m in network.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
