"""Packing a sample for the model."""

import cv2
import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs
from mmseg.structures import SegDataSample

from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError

META_KEYS = (
    'img_path',
    'img_id',
    'sample_idx',
    'seg_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'reduce_zero_label',
    'camera',
    'is_labeled',
    'branch',
    'gt_poses',
    'poses_path',
    'pose_lines',
)


def margins(shown: np.ndarray) -> tuple[int, int, int, int]:
    """Return the margins of a map (H, W) that are 0: left, right, top, bottom."""
    (height, width), found = shown.shape, shown.nonzero()
    if not len(found[0]):
        return 0, width, 0, height
    (top, left), (bottom, right) = (
        [int(f(axis)) for axis in found] for f in (np.min, np.max)
    )
    return left, width - 1 - right, top, height - 1 - bottom


def to_chw(images: list[np.ndarray]) -> np.ndarray:
    """Turn N images (H, W, C) or (H, W) of one size into contiguous (N, C, H, W)."""
    height, width, *channels = images[0].shape
    planes = np.empty(
        (len(images), *(channels or (1,)), height, width), images[0].dtype
    )
    for target, image in zip(planes, images):
        if image.dtype == np.uint8 and channels == [3]:
            cv2.split(image, list(target))  # faster than numpy's copy
        else:
            target[...] = image.transpose(2, 0, 1) if channels else image
    return planes


class Frames(dict):
    """An image and its neighbours, `img` and `adjacent`.

    MMSegmentation's browse_dataset.py takes a sample's inputs for a tensor.
    """

    def permute(self, *order: int) -> torch.Tensor:
        """Return the image with its axes in another order."""
        return self['img'].permute(*order)


@TRANSFORMS.register_module()
class PackDepthSegInputs(PackSegInputs):
    """MMSegmentation's `PackSegInputs` for frames, depth and cameras.

    MMSegmentation's packs one image without camera, and converts labels to int64 in
    the worker, eight times the bytes to transfer.

    Returns a dict with

    - `inputs`: `Frames`, a dict of `img` (3, H, W) uint8 and `adjacent`
      (F, 3, H, W) uint8, as loaded (BGR), or None, because collating needs the same
      keys in all samples;
    - `data_samples`: `SegDataSample` with, if loaded, `gt_sem_seg` and
      `gt_edge_map` (1, H, W) uint8, `gt_depth_map` and `disparity_map` (1, H, W)
      float32, and the metainfo `meta_keys` (plus `adjacent_offsets` with `adjacent`,
      `disparity_range`, and after `Pad` `padding_size`: left, right, top, bottom).

    Args:
        meta_keys: Keys of `results` to keep as metainfo.

    Raises:
        UserError: A transform changed the size of the image but not that of its
            neighbours, maps or camera, or `min_size` of `LoadImageFromFile` has reduced
            it and `Resize` does not follow.
    """

    def __init__(self, meta_keys: tuple[str, ...] = META_KEYS) -> None:
        super().__init__(meta_keys=meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack `results`."""
        self._check(results)
        image = torch.from_numpy(to_chw([results['img']])[0])
        inputs = Frames(img=image, adjacent=None)
        if 'adjacent' in results:
            inputs['adjacent'] = torch.from_numpy(to_chw(results['adjacent']))
        sample = SegDataSample()
        for key, name in (
            ('gt_seg_map', 'gt_sem_seg'),
            ('gt_depth_map', 'gt_depth_map'),
            ('disparity_map', 'disparity_map'),
            ('gt_edge_map', 'gt_edge_map'),  # of MMSegmentation's GenerateEdge
        ):
            if results.get(key) is not None:
                array = np.ascontiguousarray(results[key])[None]
                sample.set_data({name: PixelData(data=torch.from_numpy(array))})
        keys = (*self.meta_keys, 'disparity_range')
        meta = {key: results[key] for key in keys if key in results}
        if 'adjacent' in results:
            meta['adjacent_offsets'] = tuple(
                results.get('adjacent_offsets', range(len(results['adjacent'])))
            )
        if 'shown' in results:
            meta['padding_size'] = margins(results['shown'])
        sample.set_metainfo(meta)
        return dict(inputs=inputs, data_samples=sample)

    @staticmethod
    def _check(results: dict) -> None:
        if 'reduction' in results:
            raise UserError(
                f'Sample {sample_name(results)} was decoded at 1/{results["reduction"]}'
                ' of its size, because LoadImageFromFile has min_size: add Resize of '
                "default_scope 'mmdepthseg' after it, or remove min_size"
            )
        size = results['img'].shape[:2]
        others = [
            ('neighbouring frame', frame.shape[:2])
            for frame in results.get('adjacent', ())
        ]
        for fields in ('seg_fields', 'depth_fields'):
            others += [
                (name, results[name].shape[:2])
                for name in results.get(fields, ())
                if results.get(name) is not None
            ]
        if 'camera' in results:
            others.append(('image to which camera belongs', results['camera'].size))
        for name, other in others:
            if other != size:
                raise UserError(
                    f'Sample {sample_name(results)}: the image is {size[1]}x{size[0]}, '
                    f'the {name} {other[1]}x{other[0]}. Use Resize, RandomCrop, '
                    "RandomFlip and Pad of default_scope 'mmdepthseg', and load "
                    'everything before them.'
                )
