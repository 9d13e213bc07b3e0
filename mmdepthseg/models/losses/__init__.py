"""Losses, one class per file, registered in MODELS."""

from mmdepthseg.models.losses.berhu import BerHuLoss
from mmdepthseg.models.losses.entropy import prediction_entropy
from mmdepthseg.models.losses.feature_distance import (
    FeatureDistanceLoss,
    feature_distance,
)
from mmdepthseg.models.losses.photometric import PhotometricError
from mmdepthseg.models.losses.pseudo_label import (
    ConfidentPixelLoss,
    PseudoLabelLoss,
    pseudo_labels,
    with_ground_truth,
)
from mmdepthseg.models.losses.smoothness import EdgeAwareSmoothness
from mmdepthseg.models.losses.view_synthesis import ScaleTerms, ViewSynthesisLoss

__all__ = [
    'BerHuLoss',
    'ConfidentPixelLoss',
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
