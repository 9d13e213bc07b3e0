"""Data sets, transforms and samplers."""

import mmdepthseg.registry  # noqa: F401  the first to import MMSegmentation, quietly
from mmdepthseg.datasets.camvid import CamVidDataset
from mmdepthseg.datasets.cityscapes_sequence import CityscapesSequenceDataset
from mmdepthseg.datasets.clips import ClipDataset
from mmdepthseg.datasets.concat_dataset import ConcatDataset
from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.image_labels import ImageLabelDataset
from mmdepthseg.datasets.kitti_raw import KITTIRawDataset
from mmdepthseg.datasets.mix_dataset import MultiImageMixDataset
from mmdepthseg.datasets.samplers import MultiSourceSampler, ResumableInfiniteSampler
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms import (
    DisparityFromDepth,
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
    'BrokenFileError',
    'CamVidDataset',
    'CityscapesSequenceDataset',
    'ClipDataset',
    'ConcatDataset',
    'DisparityFromDepth',
    'ImageLabelDataset',
    'KITTIRawDataset',
    'LoadAdjacentFrames',
    'LoadCamera',
    'LoadDepthMap',
    'LoadImageFromFile',
    'LoadPoses',
    'LoadSDEDisparity',
    'LoadSegLabel',
    'LoadStereoDepth',
    'MultiImageMixDataset',
    'MultiSourceSampler',
    'PackDepthSegInputs',
    'Pad',
    'RandomCrop',
    'RandomFlip',
    'Resize',
    'ResumableInfiniteSampler',
    'SeedBySample',
    'SequenceDataset',
]
