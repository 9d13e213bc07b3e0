"""Batch transforms of the semi-supervised step, registered in TRANSFORMS."""

from mmdepthseg.models.mixing.base import BatchMix
from mmdepthseg.models.mixing.class_mix import ClassMix
from mmdepthseg.models.mixing.complementary_dropout import ComplementaryDropout
from mmdepthseg.models.mixing.cut_mix import CutMix, NoMix
from mmdepthseg.models.mixing.depth_class_mix import DepthClassMix
from mmdepthseg.models.mixing.depth_mix import (
    DepthHistogramMix,
    DepthMix,
    DepthThresholdMix,
)
from mmdepthseg.models.mixing.mix_batch import MixBatch, normalize_disparity
from mmdepthseg.models.mixing.strong_augmentation import (
    BatchColorJitter,
    BatchGaussianBlur,
)

__all__ = [
    'BatchColorJitter',
    'BatchGaussianBlur',
    'BatchMix',
    'ClassMix',
    'ComplementaryDropout',
    'CutMix',
    'DepthClassMix',
    'DepthHistogramMix',
    'DepthMix',
    'DepthThresholdMix',
    'MixBatch',
    'NoMix',
    'normalize_disparity',
]
