"""Projective geometry in plain torch and numpy: no framework, no registry.

Convention (holds for the whole package)
    - Pixels: centres at integers `0..W-1` (x, right) and `0..H-1` (y, down).
    - Camera: x right, y down, z along the optical axis. Its 3x3 matrix K is **in
      pixels of the current image**: a `Camera` holds K and the size of that image and
      follows every resize, crop, flip and pad (`mmdepthseg.camera`); a batch
      of K is `cam2img` (N, 3, 3).
    - Depth is z, in metres (or the unit of the translations); 0 = not measured.
      Disparity is the output of a network's sigmoid, in (0, 1) (`.depth`).
    - A rigid transform `T` (N, 4, 4) maps points of the target camera to
      points of the source camera (`.pose`).
    - Tensors: images (N, C, H, W), depth (N, 1, H, W), points (N, 3, H, W).
    - Precision: at least float32, also under autocast.
"""

from mmdepthseg.camera import Camera
from mmdepthseg.geometry.alignment import Alignment, align_frames
from mmdepthseg.geometry.depth import (
    check_depth_range,
    depth_to_disparity,
    disparity_to_depth,
)
from mmdepthseg.geometry.pose import (
    axis_angle_to_matrix,
    pose_vector_to_matrix,
    transform_points,
)
from mmdepthseg.geometry.projection import backproject, project
from mmdepthseg.geometry.warp import synthesize_views

__all__ = [
    'Alignment',
    'Camera',
    'align_frames',
    'axis_angle_to_matrix',
    'backproject',
    'check_depth_range',
    'depth_to_disparity',
    'disparity_to_depth',
    'pose_vector_to_matrix',
    'project',
    'synthesize_views',
    'transform_points',
]
