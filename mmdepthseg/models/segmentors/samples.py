"""What segmentors want of samples, and give back to them."""

import torch
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.models.losses.pseudo_label import VOID
from mmdepthseg.structures import FrameBatch


def to_original(depth: Tensor, meta: dict) -> Tensor:
    """Depth (1, 1, H, W) at network size -> (1, h, w) at the original size.

    Args:
        depth (Tensor): Of one image.
        meta (dict): The sample's metainfo: padding, flip, ``ori_shape``.
    """
    left, right, top, bottom = meta.get('img_padding_size') or meta.get(
        'padding_size') or (0, 0, 0, 0)
    height, width = depth.shape[2:]
    depth = depth[..., top:height - bottom, left:width - right]
    if meta.get('flip'):
        depth = depth.flip(
            (3, ) if meta.get('flip_direction') == 'horizontal' else (2, ))
    size = meta.get('ori_shape', depth.shape[2:])[:2]
    # depth jumps at object edges: averaging inverse depth keeps the nearer one
    inverse = resize(depth.reciprocal(), size=tuple(size), mode='bilinear',
                     align_corners=False)
    return inverse.reciprocal().squeeze(0)


def require_labels(data_samples: SampleList) -> None:
    """ValueError, naming the image and the cure, if one has no label."""
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.metainfo.get("img_path")}: no segmentation label '
                '(gt_sem_seg), but the model has a segmentation head to train; '
                'restrict the data set to labelled images (labeled_subset or '
                'ann_file) and put LoadSegLabel into the pipeline')


def require_neighbours(batch: FrameBatch,
                       data_samples: SampleList) -> tuple[int, ...]:
    """Offsets of the neighbours; ValueError if the depth loss lacks something."""
    name = data_samples[0].metainfo.get('img_path')
    needed = dict(
        adjacent=(batch.adjacent, 'LoadAdjacentFrames'),
        cam2img=(batch.cam2img, 'LoadCamera'),
        img_raw=(batch.img_raw, 'keep_raw=True of the data preprocessor'))
    for item, (value, cure) in needed.items():
        if value is None:
            raise ValueError(f'{name}: no {item}, which the depth loss needs; add '
                             f'{cure} to the config')
    return tuple(data_samples[0].metainfo['adjacent_offsets'])


def require_disparity(data_samples: SampleList,
                      img: Tensor) -> tuple[Tensor, Tensor]:
    """Stored depth labels of a batch; ValueError if an image has none.

    Args:
        data_samples (list[SegDataSample]): With ``disparity_map``.
        img (Tensor): The images (N, 3, H, W).

    Returns:
        tuple[Tensor, Tensor]: Disparities (N, 1, H, W), and where they are known
        (bool, the same shape): not where the batch was padded.
    """
    size = tuple(img.shape[2:])
    known = torch.zeros((len(img), 1, *size), dtype=torch.bool, device=img.device)
    maps = []
    for i, sample in enumerate(data_samples):
        name = sample.metainfo.get('img_path')
        if 'disparity_map' not in sample:
            raise ValueError(
                f'{name}: no depth label (disparity_map), but the depth head has a '
                'loss_disparity; make depth labels with tools/generate_depth.py and '
                'put LoadSDEDisparity into the pipeline, in front of what crops or '
                'flips')
        disparity = sample.disparity_map.data
        if tuple(disparity.shape[1:]) != size:
            raise ValueError(
                f'{name}: the depth label has shape {tuple(disparity.shape[1:])}, the '
                f'image {size}; leave out keep_size=True of LoadSDEDisparity')
        maps.append(disparity)
        left, right, top, bottom = sample.metainfo.get('padding_size') or (0, ) * 4
        known[i, :, top:size[0] - bottom, left:size[1] - right] = True
    return torch.stack(maps).to(img), known


def ground_truth(data_samples: SampleList, like: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (N, H, W), void where a sample has none, and which have (N,)."""
    truth = torch.full_like(like, VOID)
    labeled = ['gt_sem_seg' in sample for sample in data_samples]
    for i, sample in enumerate(data_samples):
        if labeled[i]:
            truth[i] = sample.gt_sem_seg.data[0]
    return truth, torch.tensor(labeled, device=like.device)


def stack_disparity(data_samples: SampleList,
                    device: torch.device) -> Tensor | None:
    """(N, 1, H, W), or None unless every sample has a disparity map."""
    if not all('disparity_map' in s for s in data_samples):
        return None
    return torch.stack([s.disparity_map.data for s in data_samples]).to(device)
