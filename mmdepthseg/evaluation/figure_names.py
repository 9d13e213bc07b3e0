"""Names of the figures that an evaluation will give, known before it runs."""

import mmseg.evaluation
from mmengine.evaluator import BaseMetric

from mmdepthseg.evaluation.depth_errors import DEPTH_ERRORS
from mmdepthseg.evaluation.pose_errors import POSE_ERRORS
from mmdepthseg.utils.errors import check_keys

#: Figures of which a greater value is better, and a smaller one: those of our metrics
#: and of MMSegmentation's `DepthMetric` (d1, log10).
GREATER = (
    *('a1', 'a2', 'a3', 'd1', 'd2', 'd3'),
    *('mIoU', 'IoU', 'mFscore', 'mRecall', 'mPrecision', 'mCoverage'),
    *('coverage', 'precision'),
)
LESS = (
    *(name for name in DEPTH_ERRORS if name not in GREATER),
    *(*POSE_ERRORS, 'ate', 'ate_std', 'scale_spread', 'log10'),
)
# what MMSegmentation's IoUMetric gives for each of its `iou_metrics`
_IOU_FIGURES = dict(
    mIoU=('mIoU', 'mAcc'),
    mDice=('mDice', 'mAcc'),
    mFscore=('mFscore', 'mPrecision', 'mRecall'),
)


def figure_names(metric: BaseMetric) -> list[str] | None:
    """Return the names of a metric's figures, the main one first.

    Args:
        metric: A metric; ours and MMSegmentation's `IoUMetric` and `DepthMetric` are
            known.

    Returns:
        The names with the metric's prefix; None if they are not known.

    Raises:
        UserError: A metric is to give what it does not know, which it finds at the end.
    """
    if getattr(metric, 'format_only', False):
        return []
    if isinstance(metric, mmseg.evaluation.IoUMetric):
        given = metric.metrics
        kinds = [given] if isinstance(given, str) else given
        check_keys(kinds, _IOU_FIGURES, f'{type(metric).__name__}: iou_metrics')
        names = [name for kind in kinds for name in _IOU_FIGURES[kind]]
        names.append('aAcc')
        if getattr(metric, 'per_class', False):
            classes = (metric.dataset_meta or {}).get('classes') or ()
            names += [f'IoU/{name}' for name in classes]
    elif isinstance(metric, mmseg.evaluation.DepthMetric):
        names = sorted(metric.metrics, key=lambda name: name != 'abs_rel')
    elif hasattr(metric, 'figure_names'):
        names = metric.figure_names()
    else:
        return None
    prefix = f'{metric.prefix}/' if metric.prefix else ''
    return [prefix + name for name in dict.fromkeys(names)]
