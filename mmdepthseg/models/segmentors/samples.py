"""Labels, disparities and padding of the samples that segmentors work on."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.geometry.tensors import constant
from mmdepthseg.models.losses.pseudo_label import VOID
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError

#: Axes of (N, C, H, W) that a flip of mmcv turns round.
_FLIPPED = dict(horizontal=(3,), vertical=(2,), diagonal=(2, 3))


def padding_of(meta: Mapping) -> tuple[int, int, int, int]:
    """Return the padding of an image: left, right, top, bottom, in pixels."""
    padding = meta.get('img_padding_size') or meta.get('padding_size') or (0, 0, 0, 0)
    left, right, top, bottom = padding
    return left, right, top, bottom


def without_padding(
    maps: Tensor, data_samples: SampleList | None, size: Sequence[int]
) -> list[Tensor]:
    """Return the part of each map that shows the image, not its padding.

    Args:
        maps: (N, ..., h, w), of whole, padded images; a smaller map loses what is
            padding alone.
        data_samples: Their samples; None: nothing was padded.
        size: (H, W) of the padded images.

    Returns:
        N maps (..., h', w').
    """
    if data_samples is None:
        return list(maps)
    parts = []
    (h, w), (height, width) = maps.shape[-2:], size
    for values, sample in zip(maps, data_samples, strict=True):
        left, right, top, bottom = padding_of(sample.metainfo)
        rows = slice(top * h // height, -((bottom - height) * h // height))
        columns = slice(left * w // width, -((right - width) * w // width))
        parts.append(values[..., rows, columns])
    return parts


def to_original(depth: Tensor, meta: dict) -> Tensor:
    """Resize depth (1, 1, H, W) at network size to (1, h, w), the original size.

    Args:
        depth: Depth of one image.
        meta: The sample's metainfo: padding, flip, `ori_shape`.
    """
    left, right, top, bottom = padding_of(meta)
    height, width = depth.shape[2:]
    depth = depth[..., top : height - bottom, left : width - right]
    if meta.get('flip'):
        depth = depth.flip(_FLIPPED[meta['flip_direction']])
    size = meta.get('ori_shape', depth.shape[2:])[:2]
    # depth jumps at object edges: averaging inverse depth keeps the nearer one
    inverse = resize(
        depth.reciprocal(), size=tuple(size), mode='bilinear', align_corners=False
    )
    return inverse.reciprocal().squeeze(0)


def neighbour_offsets(data_samples: SampleList, pose_net: Any) -> tuple[int, ...]:
    """Return the offsets of the neighbours, for all samples of a batch.

    Frame rates may differ, so (-1, 1) may stand beside (-3, 3), unless the pose net
    multiplies its output by the distance in time.

    Args:
        data_samples: With the metainfo `adjacent_offsets`.
        pose_net: The pose net.

    Raises:
        UserError: The samples differ in direction, or, with `per_frame`, in distance.
    """
    offsets = [tuple(s.metainfo['adjacent_offsets']) for s in data_samples]
    per_frame = getattr(pose_net, 'per_frame', False)
    for sample, own in zip(data_samples, offsets, strict=True):
        backwards = [[offset < 0 for offset in one] for one in (own, offsets[0])]
        if backwards[0] != backwards[1] or (per_frame and own != offsets[0]):
            cure = (
                'all sources of a batch need the same offsets with per_frame'
                if per_frame
                else 'earlier and later frames must be in the same order in all '
                'sources of a batch'
            )
            raise UserError(
                f'{sample.metainfo.get("img_path")} has neighbours at offsets {own}, '
                f'the first sample of the batch at {offsets[0]}: {cure}'
            )
    return offsets[0]


def require_labels(data_samples: SampleList) -> None:
    """Raise a UserError that names the image and the cure if one has no label."""
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise UserError(
                f'{sample.metainfo.get("img_path")}: no segmentation label '
                '(gt_sem_seg), but the model has a segmentation head to train; '
                'restrict the data set to labelled images (labeled_subset) '
                'and add LoadSegLabel to the pipeline'
            )


def ground_truth(data_samples: SampleList, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels (N, H, W), void where missing, and which samples have some (N,)."""
    truth = torch.full_like(like, VOID)
    labeled = ['gt_sem_seg' in sample for sample in data_samples]
    for i, sample in enumerate(data_samples):
        if labeled[i]:
            truth[i] = sample.gt_sem_seg.data[0]
    return truth, constant(labeled, like, torch.bool)


def stack_disparity(data_samples: SampleList, device: torch.device) -> Tensor | None:
    """Return the disparity maps (N, 1, H, W), or None if no sample has one.

    Pixels that were not measured, such as sky, are the farthest.

    Raises:
        UserError: Only some samples have one; the message names the first without.
    """
    lacking = [s for s in data_samples if 'disparity_map' not in s]
    if len(lacking) == len(data_samples):
        return None
    if lacking:
        raise UserError(
            f'{lacking[0].metainfo.get("img_path")}: no depth label (disparity_map); '
            f'{len(lacking)} of the {len(data_samples)} mix images of this batch have '
            'none. Make them with tools/generate_depth.py and add LoadSDEDisparity to '
            'the pipeline of every source'
        )
    maps = torch.stack([s.disparity_map.data for s in data_samples])
    return maps.to(device).nan_to_num(0.0)


def select_branch(
    batch: FrameBatch, data_samples: SampleList, branch: str
) -> tuple[FrameBatch, SampleList]:
    """Return the part of a batch that belongs to a branch, and its samples.

    Raises:
        UserError: The batch has no sample of the branch.
    """
    seen = [sample.metainfo.get('branch') for sample in data_samples]
    if branch not in seen:
        raise UserError(
            f"MeanTeacher: no sample of branch '{branch}' in the batch (found: "
            f'{sorted(set(map(str, seen)))}); give the data sets of the '
            "ConcatDataset branch='labeled' and branch='mix' and use MultiSourceSampler"
        )
    chosen = [i for i, name in enumerate(seen) if name == branch]
    return batch.select(chosen), [data_samples[i] for i in chosen]


def void_padding(labels: Tensor, confidence: Tensor, data_samples: SampleList) -> None:
    """Set the labels of padded pixels to void (in place).

    Args:
        labels: (N, H, W).
        confidence: (N, H, W).
        data_samples: Samples with the metainfo `padding_size`.
    """
    _fill_padding(labels, data_samples, VOID)
    _fill_padding(confidence, data_samples, 0)


def is_padded(data_samples: SampleList) -> bool:
    """Tell whether any of the samples has padded pixels."""
    return any(any(padding_of(sample.metainfo)) for sample in data_samples)


def with_padding(images: Tensor, data_samples: SampleList, value: Tensor) -> Tensor:
    """Return a copy of images whose padded pixels have another value.

    Args:
        images: (N, 3, H, W).
        data_samples: Samples with the metainfo `padding_size`.
        value: (3, 1, 1).
    """
    images = images.clone()
    _fill_padding(images, data_samples, value)
    return images


def _fill_padding(
    fields: Tensor, data_samples: SampleList, value: Tensor | float
) -> None:
    """Overwrite the padded pixels of (N, ..., H, W) (in place)."""
    height, width = fields.shape[-2:]
    for i, sample in enumerate(data_samples):
        left, right, top, bottom = padding_of(sample.metainfo)
        for edge in (slice(0, top), slice(height - bottom, height)):
            fields[i, ..., edge, :] = value
        for edge in (slice(0, left), slice(width - right, width)):
            fields[i, ..., edge] = value
