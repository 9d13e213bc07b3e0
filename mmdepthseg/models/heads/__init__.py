"""Heads: depth, pose, segmentation."""

from .base_depth_head import BaseDepthHead
from .decode_depth_head import DecodeDepthHead
from .pad_distillation import PADDistillation
from .pose_net import PoseNet
from .pose_refinement import DirectPoseRefinement
from .unet_decoder import UNetDecoder
from .unet_depth_head import UNetDepthHead
from .unet_seg_head import UNetSegHead

__all__ = [
    'BaseDepthHead', 'DecodeDepthHead', 'DirectPoseRefinement', 'PADDistillation',
    'PoseNet', 'UNetDecoder', 'UNetDepthHead', 'UNetSegHead'
]
