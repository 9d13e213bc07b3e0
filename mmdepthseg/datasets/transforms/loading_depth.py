"""Loading depth ground truth and stored depth labels."""

import os.path as osp

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdepthseg.camera import Camera, Size, same_view
from mmdepthseg.cityscapes import decode_disparity
from mmdepthseg.datasets.depth_labels import SCALE, opened_store
from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.intrinsics import file_size, listed_camera
from mmdepthseg.datasets.transforms.files import read_values
from mmdepthseg.datasets.transforms.state import (
    map_size,
    require_whole_image,
)
from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError


class _LoadDepthField(BaseTransform):
    """Base of the loaders of 16-bit maps: adds the map to the sample."""

    loads = 'gt_depth_map'

    def __init__(
        self,
        keep_size: bool = False,
        after_flip: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        if after_flip and not keep_size:
            raise UserError(f'{type(self).__name__}: after_flip goes with keep_size')
        self.keep_size = keep_size
        self.after_flip = after_flip
        self.backend_args = backend_args

    def store(self, results: dict, field: np.ndarray, interpolation: int) -> dict:
        """Put a map of the whole image into `results`."""
        require_whole_image(results, type(self).__name__, self.after_flip)
        if self.keep_size or 'img' not in results:
            results.setdefault('unmoved_fields', []).append(self.loads)
        else:
            height, width = map_size(results)
            if field.shape != (height, width):
                field = cv2.resize(field, (width, height), interpolation=interpolation)
            results.setdefault('depth_fields', []).append(self.loads)
        results[self.loads] = field
        return results


@TRANSFORMS.register_module()
class LoadDepthMap(_LoadDepthField):
    """Load depth ground truth as KITTI stores it: png, metres * 256, 0 = none.

    Uses `depth_path`; adds `gt_depth_map` (H, W) float32, metres, 0 = not
    measured. A sample without depth is not changed.

    Args:
        divisor: Value of one metre in the file.
        keep_size: Keep the file's own size instead of the image's, for evaluation.
            Shrinking a sparse map loses measurements; the metric resizes the
            prediction instead. No crop, flip or padding may follow.
        after_flip: The image may be mirrored and the depth is not: for test-time
            augmentation, which mirrors the predictions back. With `keep_size` only.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, damaged or not 16 bit, or has another
            aspect ratio than the image.
    """

    def __init__(
        self,
        divisor: float = 256.0,
        keep_size: bool = False,
        after_flip: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(keep_size, after_flip, backend_args)
        self.divisor = divisor

    def transform(self, results: dict) -> dict:
        """Load `results['depth_path']` where there is one."""
        if 'depth_path' not in results:
            return results
        stored = read_values(
            results['depth_path'],
            'Depth map',
            'Metres * 256, 0 = none, are expected.',
            backend_args=self.backend_args,
        )
        image = file_size(results, stored.shape)
        if not same_view(stored.shape, image):
            raise BrokenFileError(
                f'Depth map {results["depth_path"]} has shape {stored.shape}, its '
                f'image {image}: they do not show the same'
            )
        depth = stored.astype(np.float32) / np.float32(self.divisor)
        return self.store(results, depth, cv2.INTER_NEAREST_EXACT)


@TRANSFORMS.register_module()
class LoadStereoDepth(_LoadDepthField):
    """Depth ground truth from a Cityscapes disparity png and the camera.

    depth = baseline * fx / d with d = (p - 1) / 256 for p > 0 (Cityscapes' README);
    p = 0 is not measured. d counts pixels of the disparity image, so fx is scaled
    from the width K refers to to the width of that image.

    Uses `disparity_path` and `camera_path` or `file_camera`;
    adds `gt_depth_map` (H, W) float32, metres, 0 = not measured. A sample without
    disparity is not changed.

    Args:
        baseline: In metres, for cameras without one.
        disparity_width: Width of the image whose pixels d counts; None: that of the
            disparity image. Give 2048 for maps shrunk without scaling the values.
        keep_size: See `LoadDepthMap`.
        after_flip: See `LoadDepthMap`.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, damaged or not 16 bit.
        UserError: There is no camera, or no positive baseline.
    """

    def __init__(
        self,
        baseline: float | None = None,
        disparity_width: int | None = None,
        keep_size: bool = False,
        after_flip: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(keep_size, after_flip, backend_args)
        self.baseline = baseline
        self.disparity_width = disparity_width

    def transform(self, results: dict) -> dict:
        """Load `results['disparity_path']` where there is one."""
        if 'disparity_path' not in results:
            return results
        path = results['disparity_path']
        stored = read_values(
            path,
            'Stereo disparity',
            'Cityscapes disparity maps are expected.',
            backend_args=self.backend_args,
        )
        camera, baseline = self._camera(results, stored.shape)
        fx = camera.fitted(stored.shape, path).fx
        if self.disparity_width:
            fx *= self.disparity_width / stored.shape[1]
        depth = decode_disparity(stored, baseline, fx)
        return self.store(results, depth, cv2.INTER_NEAREST_EXACT)

    def _camera(self, results: dict, stored_size: Size) -> tuple[Camera, float]:
        """Return the camera of the whole image, and the baseline in metres."""
        camera = listed_camera(results, file_size(results, stored_size))
        if camera is None:
            raise UserError(
                f'LoadStereoDepth: {sample_name(results)} has a disparity map '
                f'{results["disparity_path"]} but no camera'
            )
        baseline = self.baseline if camera.baseline is None else camera.baseline
        if baseline is None or not baseline > 0:
            raise UserError(
                f'{camera.source}: LoadStereoDepth needs a positive '
                f'extrinsic.baseline, got {baseline}; its option `baseline` (metres) '
                'is for cameras without one'
            )
        return camera, baseline


@TRANSFORMS.register_module()
class LoadSDEDisparity(_LoadDepthField):
    """Load a stored depth label: the disparity of a trained SDE network.

    Uses `sde_disparity_path` (png, 16 bit, disparity * 65535); adds
    `disparity_map` (H, W) float32 in [0, 1], NaN where the label was made of measured
    depth and has none: a depth head leaves that out, for mixers it is the farthest. A
    sample without a label is not changed. Of labels made of metres adds
    `disparity_range`.

    Args:
        root: Folder of depth labels `<root>/<img_id>.png` with the manifest of
            `tools/generate_depth.py`, for data sets that do not list them; None:
            what the data set lists (and checks).
        images: Folder of the images, for data sets of MMSegmentation, whose samples
            have no `img_id`: it is the path of the image below, without its suffix.
        stretch: Map each image's smallest disparity to 0 and its largest to 1, as
            the authors' code stores them. Images are then no longer on the same scale,
            so do not use it for mixing; the paper's constants of data selection (far
            below 0.07, errors weighted by 1000) are in these units. A constant map
            becomes 0.
        legacy_8bit: `stretch`, then cut (not rounded) to 8 bits, as the authors' code
            compares disparities in DepthMix. For comparisons only.
        keep_size: See `LoadDepthMap`.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, truncated or not 16 bit.
        DepthLabelError: The manifest in `root` is missing, unfinished or out of
            date, or does not know the label as it is.
    """

    loads = 'disparity_map'

    def __init__(
        self,
        root: str | None = None,
        images: str | None = None,
        stretch: bool = False,
        legacy_8bit: bool = False,
        keep_size: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(keep_size, backend_args=backend_args)
        if images is not None and root is None:
            raise UserError('LoadSDEDisparity: images goes with root')
        self.root = root
        self.images = images
        self.stretch = stretch or legacy_8bit
        self.legacy_8bit = legacy_8bit

    def _img_id(self, results: dict) -> str:
        if self.images is None and 'img_id' in results:
            return results['img_id']
        name = osp.relpath(results['img_path'], self.images or osp.sep)
        if self.images is None or name.startswith(osp.pardir):
            raise UserError(
                f'{results["img_path"]} has no img_id and is not below images='
                f'{self.images}: give LoadSDEDisparity the folder of the images, to '
                'find the depth label of the same name'
            )
        return osp.splitext(name)[0].replace(osp.sep, '/')

    def transform(self, results: dict) -> dict:
        """Load the stored label where there is one."""
        path = results.get('sde_disparity_path')
        masked = results.get('sde_disparity_masked', False)
        depth_range = results.get('sde_disparity_range')
        if self.root is not None:
            img_id = self._img_id(results)
            path = f'{self.root}/{img_id}.png'
            store = opened_store(self.root)
            image = results.get('img_path')
            store.verify_labels([img_id], {img_id: image} if image else None)
            masked, depth_range = store.masked, store.depth_range
        if path is None:
            return results
        stored = read_values(
            path,
            'Depth label',
            'Write depth labels with tools/generate_depth.py or tools/import_depth.py.',
            backend_args=self.backend_args,
        )
        disparity: np.ndarray = stored.astype(np.float32)
        if masked:
            disparity[stored == 0] = np.nan
        if self.stretch and stored.any():
            low, high = np.nanmin(disparity), np.nanmax(disparity)
            disparity = (disparity - low) / max(high - low, np.float32(1))
            if self.legacy_8bit:
                disparity = np.floor(disparity * 255) / np.float32(255)
        else:
            disparity *= np.float32(1 / SCALE)
        if depth_range is not None and not self.stretch:
            results['disparity_range'] = tuple(depth_range)
        # Dense and smooth, unlike measured depth: linear interpolation is right.
        return self.store(results, disparity, cv2.INTER_LINEAR)
