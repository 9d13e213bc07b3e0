"""Loading camera poses for evaluation."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.transforms.files import read_bytes
from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.files import decode_text


@TRANSFORMS.register_module()
class LoadPoses(BaseTransform):
    """Load the true poses of a sample's frames, in the layout of KITTI odometry.

    A file has a line of 12 numbers for each frame of its clip: the first three rows
    of the camera-to-world matrix, metres (Geiger et al., CVPR 2012).

    Uses `poses_path`, `pose_lines` (line of the target frame, then of each
    neighbour, from 0) and `pose_count` (frames of the clip); adds `gt_poses`
    (1 + F, 4, 4) float64. A sample without poses is not changed. A mirrored image has
    another motion, so no flip may follow.

    Args:
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, does not have a line per frame, or a
            line is not a pose.
    """

    loads = 'gt_poses'

    def __init__(self, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load the lines of `results['poses_path']`."""
        if 'poses_path' not in results:
            return results
        path = results['poses_path']
        content = read_bytes(path, 'Pose file', self.backend_args)
        lines = decode_text(content, path, tolerant=True).strip().splitlines()
        if len(lines) != results['pose_count']:
            raise BrokenFileError(
                f'Pose file {path} has {len(lines)} lines, the clip of '
                f'{sample_name(results)} {results["pose_count"]} frames: one line per '
                'frame is expected'
            )
        results['gt_poses'] = np.stack(
            [
                parse_pose(lines[line], f'{path}, line {line + 1}')
                for line in results['pose_lines']
            ]
        )
        results.setdefault('unmoved_fields', []).append('gt_poses')
        return results


def parse_pose(text: str, source: str) -> np.ndarray:
    """Parse a line of 12 numbers into (4, 4) float64.

    Args:
        text: The line.
        source: File and line, for the error.

    Raises:
        BrokenFileError: It is not a rigid motion.
    """
    try:
        rows = np.array(text.split(), dtype=np.float64).reshape(3, 4)
    except ValueError:
        rows = np.full((3, 4), np.nan)
    rotation = rows[:, :3]
    if not (
        np.isfinite(rows).all()
        and np.linalg.det(rotation) > 0
        and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    ):
        raise BrokenFileError(
            f'Pose file {source}: expected 12 numbers, 3 rows of a rotation and a '
            f'translation, got {text[:60]!r}'
        )
    return np.vstack([rows, [0.0, 0.0, 0.0, 1.0]])
