"""Segmentors."""

from .depth_segmentor import DepthSegmentor
from .mean_teacher import MeanTeacher

__all__ = ['DepthSegmentor', 'MeanTeacher']
