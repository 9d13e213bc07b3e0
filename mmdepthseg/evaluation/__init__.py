"""Metrics."""

from .depth_baselines import RowMeanDepth
from .depth_errors import DEPTH_ERRORS, align_depth, depth_errors
from .depth_metric import DepthMetric

__all__ = ['DEPTH_ERRORS', 'DepthMetric', 'RowMeanDepth', 'align_depth',
           'depth_errors']
