"""Losses, one class a file, registered in MODELS."""

from .berhu import BerHuLoss
from .entropy import prediction_entropy
from .photometric import PhotometricError
from .pseudo_label import PseudoLabelLoss, pseudo_labels, with_ground_truth
from .smoothness import EdgeAwareSmoothness
from .view_synthesis import ScaleTerms, ViewSynthesisLoss

__all__ = [
    'BerHuLoss',
    'EdgeAwareSmoothness',
    'PhotometricError',
    'PseudoLabelLoss',
    'ScaleTerms',
    'ViewSynthesisLoss',
    'prediction_entropy',
    'pseudo_labels',
    'with_ground_truth',
]
