"""Segmentors."""

from mmdepthseg.models.segmentors.depth_segmentor import DepthSegmentor
from mmdepthseg.models.segmentors.mean_teacher import MeanTeacher
from mmdepthseg.models.segmentors.split_backward import SplitBackwardDDP
from mmdepthseg.models.segmentors.tta import DepthSegTTAModel

__all__ = ['DepthSegTTAModel', 'DepthSegmentor', 'MeanTeacher', 'SplitBackwardDDP']
