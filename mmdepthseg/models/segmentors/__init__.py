"""Segmentors."""

from .depth_segmentor import DepthSegmentor
from .mean_teacher import MeanTeacher
from .split_backward import SplitBackwardDDP

__all__ = ['DepthSegmentor', 'MeanTeacher', 'SplitBackwardDDP']
