"""Pipeline transforms."""

from mmdepthseg.datasets.transforms.formatting import PackDepthSegInputs
from mmdepthseg.datasets.transforms.geometric import Pad, RandomCrop, RandomFlip, Resize
from mmdepthseg.datasets.transforms.loading import (
    LoadAdjacentFrames,
    LoadCamera,
    LoadImageFromFile,
    LoadSegLabel,
)
from mmdepthseg.datasets.transforms.loading_depth import (
    LoadDepthMap,
    LoadSDEDisparity,
    LoadStereoDepth,
)
from mmdepthseg.datasets.transforms.loading_poses import LoadPoses
from mmdepthseg.datasets.transforms.seeding import SeedBySample
from mmdepthseg.datasets.transforms.true_disparity import DisparityFromDepth

__all__ = [
    'DisparityFromDepth',
    'LoadAdjacentFrames',
    'LoadCamera',
    'LoadDepthMap',
    'LoadImageFromFile',
    'LoadPoses',
    'LoadSDEDisparity',
    'LoadSegLabel',
    'LoadStereoDepth',
    'PackDepthSegInputs',
    'Pad',
    'RandomCrop',
    'RandomFlip',
    'Resize',
    'SeedBySample',
]
