"""Hooks, loops and optimiser wrappers."""

from mmdepthseg.engine import hooks, loops, optim

__all__ = ['hooks', 'loops', 'optim']
