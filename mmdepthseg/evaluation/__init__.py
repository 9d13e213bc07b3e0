"""Metrics of segmentation, depth, camera motion and pseudo-labels."""

from mmdepthseg.evaluation.depth_baselines import RowMeanDepth
from mmdepthseg.evaluation.depth_errors import DEPTH_ERRORS, align_depth, depth_errors
from mmdepthseg.evaluation.depth_metric import DepthMetric
from mmdepthseg.evaluation.iou_metric import IoUMetric
from mmdepthseg.evaluation.pose_errors import POSE_ERRORS, pose_errors, snippet_ate
from mmdepthseg.evaluation.pose_metric import PoseMetric
from mmdepthseg.evaluation.pseudo_label_metric import PseudoLabelMetric

__all__ = [
    'DEPTH_ERRORS',
    'POSE_ERRORS',
    'DepthMetric',
    'IoUMetric',
    'PoseMetric',
    'PseudoLabelMetric',
    'RowMeanDepth',
    'align_depth',
    'depth_errors',
    'pose_errors',
    'snippet_ate',
]
