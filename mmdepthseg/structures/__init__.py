"""Data structures that parts of the package exchange."""

from mmdepthseg.structures.frame_batch import FrameBatch

__all__ = ['FrameBatch']
