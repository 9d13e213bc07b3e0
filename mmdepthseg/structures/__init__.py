"""Data structures that travel between the parts."""

from mmdepthseg.structures.frame_batch import FrameBatch

__all__ = ['FrameBatch']
