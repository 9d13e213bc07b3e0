"""Data structures that parts of the package exchange."""

from mmdepthseg.structures.frame_batch import FrameBatch
from mmdepthseg.structures.panel import Panel

__all__ = ['FrameBatch', 'Panel']
