"""Data sets, transforms and samplers."""

from .camvid import CamVidDataset
from .cityscapes_sequence import CityscapesSequenceDataset
from .clips import ClipDataset
from .concat_dataset import ConcatDataset
from .errors import BrokenFileError
from .samplers import MultiSourceSampler, ResumableInfiniteSampler
from .sequence_dataset import SequenceDataset
from .transforms import (
    LoadAdjacentFrames,
    LoadCamera,
    LoadDepthMap,
    LoadImageFromFile,
    LoadPoses,
    LoadSDEDisparity,
    LoadSegLabel,
    LoadStereoDepth,
    PackDepthSegInputs,
    Pad,
    RandomCrop,
    RandomFlip,
    Resize,
    SeedBySample,
)

__all__ = [
    'BrokenFileError', 'CamVidDataset', 'CityscapesSequenceDataset', 'ClipDataset',
    'ConcatDataset', 'LoadAdjacentFrames', 'LoadCamera', 'LoadDepthMap',
    'LoadImageFromFile', 'LoadPoses', 'LoadSDEDisparity', 'LoadSegLabel',
    'LoadStereoDepth', 'MultiSourceSampler', 'PackDepthSegInputs', 'Pad', 'RandomCrop',
    'RandomFlip', 'Resize', 'ResumableInfiniteSampler', 'SeedBySample',
    'SequenceDataset',
]
