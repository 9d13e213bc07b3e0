"""Resize, crop, flip and pad for image, neighbours, label, depth and camera together.

These classes shadow MMSegmentation's transforms under the same names, so that mmcv's
`RandomResize` and `RandomChoiceResize` (`resize_type='Resize'`) and configs of
MMSegmentation use them in our scope. The originals ignore neighbouring frames and
cameras, and pad depth maps with 255.

Moved: `img`, every frame of `adjacent`, the maps named in `seg_fields` and
`depth_fields`, and `camera`. Convention: pixel centres at integers.
"""

from collections.abc import Callable

import cv2
import mmcv
import mmcv.transforms
import mmseg.datasets.transforms as mmseg_transforms
import numpy as np

from mmdepthseg.camera import Camera, Size
from mmdepthseg.datasets.transforms.state import mark_moved
from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError

FLIP_CODES = dict(horizontal=1, vertical=0, diagonal=-1)


def map_fields(results: dict, key: str, function: Callable) -> None:
    """Apply `function` to the maps that `results[key]` lists (in place)."""
    for name in results.get(key, ()):
        if results.get(name) is not None:
            results[name] = function(results[name])


def map_images(results: dict, function: Callable) -> None:
    """Apply `function` to the image and its neighbours (in place)."""
    results['img'] = function(results['img'])
    if 'adjacent' in results:
        results['adjacent'] = [function(frame) for frame in results['adjacent']]


def move_camera(results: dict, function: Callable[[Camera], Camera]) -> None:
    """Apply `function` to the camera, if there is one (in place)."""
    if 'camera' in results:
        results['camera'] = function(results['camera'])


@TRANSFORMS.register_module()
class Resize(mmseg_transforms.Resize):
    """MMSegmentation's `Resize` for neighbours, depth and camera too.

    Labels and depth are resized by the half-pixel exact nearest neighbour: when
    shrinking, plain `cv2.INTER_NEAREST` shifts them by up to half a pixel against the
    image (and K). Depth values do not change, because depth is in metres and network
    disparity does not depend on the image size.

    Args:
        **kwargs: Of `mmcv.transforms.Resize`; sizes are (width, height).
    """

    def _resize_img(self, results: dict) -> None:
        before = results['img'].shape[:2]
        if not self.keep_ratio and tuple(results['scale']) == before[::-1]:
            results.update(img_shape=before, scale_factor=(1.0, 1.0), keep_ratio=False)
        else:
            super()._resize_img(results)
        new_height, new_width = results['img'].shape[:2]
        self._end_reduction(results, before)
        if 'adjacent' in results and (new_height, new_width) != before:
            results['adjacent'] = [
                mmcv.imresize(
                    frame,
                    (new_width, new_height),
                    interpolation=self.interpolation,
                    backend=self.backend,
                )
                for frame in results['adjacent']
            ]
        move_camera(results, lambda camera: camera.resized((new_height, new_width)))

    def _end_reduction(self, results: dict, before: Size) -> None:
        """Count the scale from the file, if the image was decoded smaller.

        Args:
            results: After the image was resized.
            before: (height, width) at which it was decoded.

        Raises:
            UserError: It was decoded smaller than it is needed, or the scale is a
                factor of the size that it then had.
        """
        divisor = results.pop('reduction', 1)
        if divisor == 1:
            return
        after = results['img'].shape[:2]
        if not self.scale or after[0] > before[0] or after[1] > before[1]:
            raise UserError(
                f'Resize: LoadImageFromFile has decoded {sample_name(results)} at '
                f'{before[1]}x{before[0]}, and Resize makes {after[1]}x{after[0]} of '
                'it: give min_size the largest size that Resize makes, and Resize a '
                '`scale`'
            )
        x, y = results['scale_factor']
        results['scale_factor'] = (x / divisor, y / divisor)

    def _resize_seg(self, results: dict) -> None:
        height, width = results['img'].shape[:2]

        def nearest(field: np.ndarray) -> np.ndarray:
            if field.shape[:2] == (height, width):
                return field
            return cv2.resize(
                field, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
            )

        map_fields(results, 'seg_fields', nearest)
        map_fields(results, 'depth_fields', nearest)


@TRANSFORMS.register_module()
class RandomCrop(mmseg_transforms.RandomCrop):
    """MMSegmentation's `RandomCrop` for neighbours, depth and camera too.

    Args:
        crop_size: (height, width) or one number for both.
        cat_max_ratio: Largest share of one class in the crop (10 tries); ignored for
            samples without label.
        ignore_index: Label that is not counted for `cat_max_ratio`.
    """

    def transform(self, results: dict) -> dict:
        """Crop everything to the same box."""
        mark_moved(results, type(self).__name__)
        top, bottom, left, right = self.crop_bbox(results)

        def crop(array: np.ndarray) -> np.ndarray:
            return array[top:bottom, left:right]

        map_images(results, crop)
        map_fields(results, 'seg_fields', crop)
        map_fields(results, 'depth_fields', crop)
        size = results['img_shape'] = results['img'].shape[:2]
        move_camera(results, lambda camera: camera.cropped(left, top, size))
        return results

    def crop_bbox(self, results: dict) -> tuple[int, int, int, int]:
        """Draw a box; `cat_max_ratio` is ignored for samples without a label."""
        self.cat_max_ratio: float  # of the parent
        if self.cat_max_ratio < 1 and results.get('gt_seg_map') is None:
            ratio, self.cat_max_ratio = self.cat_max_ratio, 1.0
            try:
                return super().crop_bbox(results)
            finally:
                self.cat_max_ratio = ratio
        return super().crop_bbox(results)


@TRANSFORMS.register_module()
class RandomFlip(mmseg_transforms.RandomFlip):
    """MMSegmentation's `RandomFlip` for neighbours, depth and camera too.

    The camera of a mirrored image is that of the mirrored world (`Camera.flipped`).

    Args:
        **kwargs: Of `mmcv.transforms.RandomFlip`.
    """

    def _flip(self, results: dict) -> None:
        mark_moved(results, type(self).__name__)
        direction = results['flip_direction']
        code = FLIP_CODES[direction]

        def flip(array: np.ndarray) -> np.ndarray:
            return cv2.flip(array, code)

        map_images(results, flip)
        map_fields(results, 'depth_fields', flip)
        if results.get('seg_fields'):
            map_fields(
                results,
                'seg_fields',
                lambda label: np.ascontiguousarray(
                    self._flip_seg_map(label, direction)
                ),
            )
            results['swap_seg_labels'] = self.swap_seg_labels
        move_camera(results, lambda camera: camera.flipped(direction))


@TRANSFORMS.register_module()
class Pad(mmcv.transforms.Pad):
    """mmcv's `Pad` (right and bottom) for neighbours, depth and camera too.

    Labels are padded with 255, depth with 0 and disparity with NaN (not measured),
    whatever the padding mode; K does not change, because the first pixel stays in
    place. What is padding stays known (`shown`): losses on depth labels and on mixed
    images, and predictions, leave it out.

    Args:
        **kwargs: Of `mmcv.transforms.Pad`; `size` is (width, height).
    """

    def transform(self, results: dict) -> dict:
        """Pad everything to one size."""
        mark_moved(results, type(self).__name__)
        if 'shown' not in results:
            results['shown'] = np.ones(results['img'].shape[:2], np.uint8)
            results.setdefault('depth_fields', []).append('shown')
        self._pad_img(results)
        shape = results['pad_shape'][:2]
        value = self.pad_val.get('img', 0)
        if 'adjacent' in results:
            results['adjacent'] = [
                mmcv.impad(
                    frame,
                    shape=shape,
                    pad_val=(value,) * 3 if isinstance(value, int) else value,
                    padding_mode=self.padding_mode,
                )
                for frame in results['adjacent']
            ]
        label = self.pad_val.get('seg', 255)
        for fields in ('seg_fields', 'depth_fields'):
            for name in results.get(fields, ()):
                fill = label if fields == 'seg_fields' else 0
                fill = np.nan if name == 'disparity_map' else fill
                if results.get(name) is not None:
                    results[name] = mmcv.impad(results[name], shape=shape, pad_val=fill)
        move_camera(results, lambda camera: camera.cropped(0, 0, shape))
        return results
