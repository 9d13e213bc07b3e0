"""Data structures that travel between the parts."""

from .frame_batch import FrameBatch

__all__ = ['FrameBatch']
