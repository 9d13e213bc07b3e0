"""Heads: depth, pose, segmentation."""

from mmdepthseg.models.heads.base_depth_head import BaseDepthHead
from mmdepthseg.models.heads.decode_depth_head import DecodeDepthHead
from mmdepthseg.models.heads.pad_distillation import PADDistillation
from mmdepthseg.models.heads.pose_net import PoseNet
from mmdepthseg.models.heads.pose_refinement import DirectPoseRefinement
from mmdepthseg.models.heads.unet_decoder import UNetDecoder
from mmdepthseg.models.heads.unet_depth_head import UNetDepthHead
from mmdepthseg.models.heads.unet_seg_head import UNetSegHead

__all__ = [
    'BaseDepthHead',
    'DecodeDepthHead',
    'DirectPoseRefinement',
    'PADDistillation',
    'PoseNet',
    'UNetDecoder',
    'UNetDepthHead',
    'UNetSegHead',
]
