"""True depth in the place of a network's disparity."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmdepthseg.geometry.depth import check_depth_range, depth_to_disparity
from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError


@TRANSFORMS.register_module()
class DisparityFromDepth(BaseTransform):
    """Turn depth ground truth into what a depth network would predict.

    Mixers and depth heads then use measured depth (stereo, LiDAR) where they otherwise
    use depth labels. It stands last but `PackDepthSegInputs`, because holes of a
    disparity map cannot be resized.

    Uses `gt_depth_map` (H, W), metres, 0 = not measured; adds `disparity_map` (H, W)
    float32 in [0, 1], see `depth_to_disparity`, and `disparity_range`. Depths out of
    range become the nearest in range. A sample without depth is not changed.

    Args:
        min_depth: Depth of disparity 1, metres. Mixers compare disparities with a
            margin: choose the smallest depth that images show. For a depth head that
            learns from it, both are those of the head.
        max_depth: Depth of disparity 0, metres.
        unknown: Disparity of pixels that are not measured. Sky is not measured, so the
            default is that of the farthest pixels. None: NaN, which a depth head leaves
            out of its loss; for mixers it is the farthest, as in `LoadSDEDisparity`.

    Raises:
        UserError: The range is empty, or the map has another size than the image.
    """

    def __init__(
        self,
        min_depth: float = 0.1,
        max_depth: float = 100.0,
        unknown: float | None = 0.0,
    ) -> None:
        check_depth_range('DisparityFromDepth', min_depth, max_depth)
        self.min_depth = min_depth
        self.max_depth = max_depth
        self.unknown = float('nan') if unknown is None else unknown

    def transform(self, results: dict) -> dict:
        """Add the disparity where there is depth."""
        depth = results.get('gt_depth_map')
        if depth is None:
            return results
        if 'gt_depth_map' in results.get('unmoved_fields', ()):
            raise UserError(
                'DisparityFromDepth: gt_depth_map was loaded with keep_size=True and '
                f'does not follow the image (sample {sample_name(results)})'
            )
        bounded = torch.from_numpy(depth).clamp(self.min_depth, self.max_depth)
        disparity = depth_to_disparity(bounded, self.min_depth, self.max_depth).numpy()
        results['disparity_map'] = np.where(
            depth > 0, disparity, np.float32(self.unknown)
        )
        results.setdefault('depth_fields', []).append('disparity_map')
        results['disparity_range'] = (self.min_depth, self.max_depth)
        return results
