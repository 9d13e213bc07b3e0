"""Batch transforms of the semi-supervised step, registered in TRANSFORMS."""

from .base import BatchMix
from .class_mix import ClassMix
from .cut_mix import CutMix, NoMix
from .depth_mix import DepthHistogramMix, DepthMix, DepthThresholdMix
from .mix_batch import MixBatch, normalize_disparity
from .strong_augmentation import BatchColorJitter, BatchGaussianBlur

__all__ = [
    'BatchColorJitter',
    'BatchGaussianBlur',
    'BatchMix',
    'ClassMix',
    'CutMix',
    'DepthHistogramMix',
    'DepthMix',
    'DepthThresholdMix',
    'MixBatch',
    'NoMix',
    'normalize_disparity',
]
