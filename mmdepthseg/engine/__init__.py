"""Hooks, loops and optimiser wrappers."""

from . import hooks, loops, optim

__all__ = ["hooks", "loops", "optim"]
