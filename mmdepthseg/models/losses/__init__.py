"""Losses, one class a file, registered in MODELS."""

from .berhu import BerHuLoss
from .entropy import prediction_entropy
from .feature_distance import FeatureDistanceLoss, feature_distance
from .photometric import PhotometricError
from .pseudo_label import PseudoLabelLoss, pseudo_labels, with_ground_truth
from .smoothness import EdgeAwareSmoothness
from .view_synthesis import ScaleTerms, ViewSynthesisLoss

__all__ = [
    'BerHuLoss',
    'EdgeAwareSmoothness',
    'FeatureDistanceLoss',
    'PhotometricError',
    'PseudoLabelLoss',
    'ScaleTerms',
    'ViewSynthesisLoss',
    'feature_distance',
    'prediction_entropy',
    'pseudo_labels',
    'with_ground_truth',
]
