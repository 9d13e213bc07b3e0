"""Pipeline transforms."""

from .foreign import register_guards
from .formatting import PackDepthSegInputs
from .geometric import Pad, RandomCrop, RandomFlip, Resize
from .loading import (
    LoadAdjacentFrames,
    LoadCamera,
    LoadImageFromFile,
    LoadSegLabel,
)
from .loading_depth import LoadDepthMap, LoadSDEDisparity, LoadStereoDepth
from .loading_poses import LoadPoses
from .seeding import SeedBySample

register_guards()

__all__ = [
    'LoadAdjacentFrames', 'LoadCamera', 'LoadDepthMap', 'LoadImageFromFile',
    'LoadPoses', 'LoadSDEDisparity', 'LoadSegLabel', 'LoadStereoDepth',
    'PackDepthSegInputs', 'Pad', 'RandomCrop', 'RandomFlip', 'Resize', 'SeedBySample',
]
