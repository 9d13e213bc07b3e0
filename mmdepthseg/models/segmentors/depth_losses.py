"""Depth losses of a segmentor, from view synthesis and from stored depth labels."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.models.segmentors.samples import neighbour_offsets, padding_of
from mmdepthseg.names import sample_name
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError


def depth_losses(
    model: Any,
    disparities: Sequence[Tensor],
    batch: FrameBatch,
    data_samples: SampleList,
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """Return the depth losses, prefixed `depth.`.

    Args:
        model: With a depth head and, for view synthesis, a pose net.
        disparities: Disparities of `batch.img`, from the depth head.
        batch: With neighbours, raw images and cameras, if there is a pose net.
        data_samples: With the neighbours' offsets, and with a `disparity_map` if the
            depth head has a `loss_disparity`.
        weight: Factor of the losses; values that are only logged keep theirs.
    """
    head, losses = model.depth_head, {}
    if model.pose_net is not None:
        _require_neighbours(batch, data_samples)
        offsets = neighbour_offsets(data_samples, model.pose_net)
        transforms = refined = model.pose_net.source_transforms(batch, offsets)
        if model.pose_refinement is not None:
            size = batch.require('img_raw').shape[2:]
            _, depth = head.predict(disparities, size)
            refined, losses = model.pose_refinement(batch, depth, transforms)
        found = head.loss(disparities, batch, refined)
        losses = {**losses, **_nan_unless_finite(found, transforms)}
    if head.loss_disparity is not None:
        _check_range(head, data_samples)
        target, known = _require_disparity(data_samples, batch.img)
        losses.update(head.supervised_loss(disparities, target, known))
    return {
        f'depth.{name}': weight * value if name.startswith('loss') else value
        for name, value in losses.items()
    }


def _require_neighbours(batch: FrameBatch, data_samples: SampleList) -> None:
    """Raise a UserError if something that view synthesis needs is missing.

    It names the first image without it.
    """
    needed = dict(
        adjacent=(
            batch.adjacent,
            'adjacent_offsets',
            'give the data set offsets, make sure that the neighbouring frames exist, '
            'and add LoadAdjacentFrames to the pipeline',
        ),
        camera=(
            batch.cam2img,
            'camera',
            'make sure that its camera file (or intrinsics of the data set) exists, '
            'and add LoadCamera to the pipeline',
        ),
        img_raw=(batch.img_raw, None, 'set keep_raw=True of the data preprocessor'),
    )
    for item, (value, key, cure) in needed.items():
        if value is None:
            lacking = [s for s in data_samples if s.metainfo.get(key) is None]
            sample = (lacking or data_samples)[0]
            raise UserError(
                f'{sample.metainfo.get("img_path")}: no {item}, which the '
                f'depth loss needs; {cure}'
            )


def _nan_unless_finite(
    losses: dict[str, Tensor], transforms: Tensor
) -> dict[str, Tensor]:
    """Return the losses, or NaN if the poses behind them are not finite.

    View synthesis treats pixels without a finite position as invisible: its loss would
    stay finite, and the depth would learn from the smoothness alone. Nothing here waits
    for the device; `NonFiniteLossHook` names the loss.

    Args:
        losses: Entries without 'loss' in their name do not change.
        transforms: (N, F, 4, 4).
    """
    finite = transforms.detach().isfinite().all()
    return {
        name: torch.where(finite, value, torch.nan) if 'loss' in name else value
        for name, value in losses.items()
    }


def _check_range(head: Any, data_samples: SampleList) -> None:
    """Compare the range of disparities made of metres with that of the depth head.

    Raises:
        UserError: They differ: predicted depth would be wrong, not only by a factor.
            Names the image.
    """
    own = (head.min_depth, head.max_depth)
    for sample in data_samples:
        given = sample.metainfo.get('disparity_range')
        if given is not None and tuple(given) != own:
            near, far = given
            raise UserError(
                f'{sample.metainfo.get("img_path")}: its disparity_map was made with '
                f'min_depth={near:g}, max_depth={far:g}, but the depth head, which '
                f'learns from it, has min_depth={own[0]:g}, max_depth={own[1]:g}: give '
                'depth_head those of the data (of DisparityFromDepth, or --min-depth '
                'and --max-depth of tools/import_depth.py), or the other way round'
            )


def _require_disparity(data_samples: SampleList, img: Tensor) -> tuple[Tensor, Tensor]:
    """Return the stored depth labels of a batch; raise a UserError if one is missing.

    Args:
        data_samples: With `disparity_map`.
        img: The images (N, 3, H, W).

    Returns:
        Disparities (N, 1, H, W) and, in the same shape, where they are known (bool):
        where they are finite and the image was not padded.
    """
    size = tuple(img.shape[2:])
    known = torch.zeros((len(img), 1, *size), dtype=torch.bool, device=img.device)
    maps = []
    for i, sample in enumerate(data_samples):
        name = sample_name(sample)
        if 'disparity_map' not in sample:
            raise UserError(
                f'{name}: no depth label (disparity_map), but the depth head has a '
                'loss_disparity; make depth labels with tools/generate_depth.py and '
                'add LoadSDEDisparity to the pipeline, before transforms that crop or '
                'flip'
            )
        disparity = sample.disparity_map.data
        if tuple(disparity.shape[1:]) != size:
            raise UserError(
                f'{name}: the depth label has shape {tuple(disparity.shape[1:])}, but '
                f'the image {size}; remove keep_size=True from LoadSDEDisparity'
            )
        maps.append(disparity)
        left, right, top, bottom = padding_of(sample.metainfo)
        known[i, :, top : size[0] - bottom, left : size[1] - right] = True
    target = torch.stack(maps).to(img)
    # a loss that masks pixels by a factor of 0 would keep their NaN
    return target.nan_to_num(), known & target.isfinite()
