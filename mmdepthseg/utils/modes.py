"""Which modules of a network train."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def kept_modes(modules: Iterable['nn.Module']) -> Iterator[None]:
    """Restore at the end whether each of these modules trains.

    `network.train(was_training)` would change modules with a mode of their own.
    """
    modes = [(module, module.training) for module in modules]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
