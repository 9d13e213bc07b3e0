"""Selection of the frames to annotate, from features and scores.

Plain numpy; torch is imported only for work on a GPU.
"""

from mmdepthseg.selection.criteria import ERRORS, depth_error, depth_error_mask
from mmdepthseg.selection.farthest.farthest_point import FarthestPoints, farthest_point
from mmdepthseg.selection.features import FeaturePool
from mmdepthseg.selection.medoids import choose_medoids
from mmdepthseg.selection.methods import METHODS, Selection, select

__all__ = [
    'ERRORS',
    'METHODS',
    'FarthestPoints',
    'FeaturePool',
    'Selection',
    'choose_medoids',
    'depth_error',
    'depth_error_mask',
    'farthest_point',
    'select',
]
