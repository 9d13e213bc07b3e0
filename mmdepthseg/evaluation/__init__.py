"""Metrics."""

from .depth_baselines import RowMeanDepth
from .depth_errors import DEPTH_ERRORS, align_depth, depth_errors
from .depth_metric import DepthMetric
from .pose_errors import POSE_ERRORS, pose_errors, snippet_ate
from .pose_metric import PoseMetric

__all__ = ['DEPTH_ERRORS', 'POSE_ERRORS', 'DepthMetric', 'PoseMetric', 'RowMeanDepth',
           'align_depth', 'depth_errors', 'pose_errors', 'snippet_ate']
