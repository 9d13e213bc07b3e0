"""Which frames to annotate: features and scores in, an order of frames out.

Plain numpy; torch is imported only for work on a GPU.
"""

from .criteria import ERRORS, depth_error, depth_error_mask
from .farthest_point import FarthestPoints, farthest_point
from .features import FeaturePool
from .methods import METHODS, Selection, select

__all__ = [
    'ERRORS',
    'METHODS',
    'FarthestPoints',
    'FeaturePool',
    'Selection',
    'depth_error',
    'depth_error_mask',
    'farthest_point',
    'select',
]
