"""The picture of the demo."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from mmdepthseg.apis import load_model
from mmdepthseg.cityscapes import IGNORED
from mmdepthseg.datasets.samplers import StreamIndex
from mmdepthseg.models.mixing import MixBatch
from mmdepthseg.models.mixing.base import BatchMix
from mmdepthseg.models.segmentors.samples import stack_disparity
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import DATASETS, TRANSFORMS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.pictures import read_picture, write_picture
from mmdepthseg.visualization.drawing import (
    color_depth,
    color_labels,
    contact_sheet,
    to_bgr,
)

#: Validation images on the demo's sheet.
EXAMPLES = 3
#: Second images tried for the mixture that is shown.
CANDIDATES = 8


def draw_demo_sheet(
    path: Path,
    sde: tuple[str | Config, str],
    segmentation: Mapping[str, tuple[str | Config, str]],
    depth_labels: Path,
    examples: int = EXAMPLES,
) -> None:
    """Draw and write the sheet.

    Args:
        path: The PNG to write.
        sde: Config and checkpoint of the depth model.
        segmentation: Title -> config and checkpoint; the last one must be a
            `MeanTeacher` with DepthMix.
        depth_labels: Folder of the depth labels.
        examples: Number of validation images.
    """
    register_all_modules()
    depth_model = load_model(*sde)
    depth_set = DATASETS.build(depth_model.cfg.val_dataloader.dataset)
    models = {title: load_model(*files) for title, files in segmentation.items()}
    last = list(models.values())[-1]
    seg_set = DATASETS.build(last.cfg.val_dataloader.dataset)
    palette = seg_set.metainfo['palette']
    rows = []
    for index in np.linspace(0, len(seg_set) - 1, examples, dtype=int):
        rows += _example_rows(
            int(index), seg_set, depth_set, models, depth_model, palette
        )
    rows += _mix_rows(last, depth_labels, palette)
    write_picture(path, contact_sheet(rows))


@torch.inference_mode()
def _predict(model: BaseModel, dataset: BaseDataset, index: int):
    sample = dataset[index]
    batch = {key: [value] for key, value in sample.items()}
    return model.test_step(batch)[0]


def _example_rows(
    index: int,
    seg_set: BaseDataset,
    depth_set: BaseDataset,
    models: Mapping[str, BaseModel],
    depth_model: BaseModel,
    palette: list,
) -> list[list[tuple[str, np.ndarray]]]:
    path = seg_set.get_data_info(index)['img_path']
    image = read_picture(path)
    if image is None:
        raise UserError(f'{path}: not a readable image')
    row: list[tuple[str, np.ndarray]] = [('image', image)]
    truth = seg_set[index]['data_samples'].gt_sem_seg.data[0].numpy()
    row.append(('true label', color_labels(truth, palette)))
    for title, model in models.items():
        label = _predict(model, seg_set, index).pred_sem_seg.data[0].cpu().numpy()
        row.append((title, color_labels(label, palette)))
    sample = _predict(depth_model, depth_set, index)
    true = sample.gt_depth_map.data[0].cpu().numpy()
    predicted = sample.pred_depth_map.data[0].cpu().numpy()
    valid = true > 0
    near, far = np.percentile(true[valid], (2, 98))
    small = cv2.resize(predicted, true.shape[::-1])
    predicted = predicted * np.median(true[valid]) / np.median(small[valid])
    row.append(('true depth', color_depth(true, near, far)))
    row.append(('depth from video (SDE)', color_depth(predicted, near, far)))
    half = (len(row) + 1) // 2
    return [row] if len(row) <= 5 else [row[:half], row[half:]]


@torch.inference_mode()
def _mix_rows(
    model: BaseModel, depth_labels: Path, palette: list
) -> list[list[tuple[str, np.ndarray]]]:
    """Return two training images, their disparities, mask and mixture.

    Of a few pairs, this is the one whose mask is closest to half and half.
    """
    cfg = model.cfg
    parts = cfg.train_dataloader.dataset
    mix = ConfigDict(parts.get('shared') or {}, **parts.sources.mix)
    pipeline = [t for t in mix.pipeline if t['type'] != 'RandomFlip']
    dataset = DATASETS.build(
        Config(
            dict(
                mix,
                pipeline=pipeline,
                subset_mode='keep',
                data_prefix=dict(sde_disparity_path=str(depth_labels.resolve())),
            )
        ).to_dict()
    )
    mixer = TRANSFORMS.build(cfg.model.mixing)
    tried = np.linspace(0, len(dataset) - 1, min(len(dataset), CANDIDATES + 1))
    # with a position, so that the crops are the same in every picture
    first, *others = (dataset[StreamIndex(int(i), int(i), 0)] for i in tried)
    mixtures = [_mix_pair(model, mixer, [first, other]) for other in others or [first]]
    images, disparity, mixed, mask = min(
        mixtures, key=lambda mixture: abs(mixture[3].float().mean() - 0.5)
    )
    row = []
    for i, name in enumerate('AB'):
        row.append((f'{name}', to_bgr(images[i])))
        row.append(
            (
                f'SDE disparity of {name}',
                color_depth(1 / disparity[i, 0].clamp(min=1e-4).numpy()),
            )
        )
    return [
        row,
        [
            ('DepthMix: mask (white: from A)', mask.numpy().astype(np.uint8) * 255),
            ('mixed image', to_bgr(mixed.images[0])),
            ('mixed label', color_labels(mixed.labels[0].numpy(), palette)),
        ],
    ]


def _mix_pair(
    model: BaseModel, mixer: BatchMix, samples: list[dict]
) -> tuple[torch.Tensor, torch.Tensor, MixBatch, torch.Tensor]:
    """Mix two samples; return images in [0, 1], disparities, mixture and mask."""
    data = model.data_preprocessor(
        dict(
            inputs=[s['inputs'] for s in samples],
            data_samples=[s['data_samples'] for s in samples],
        ),
        False,
    )
    images = model.data_preprocessor.denormalize(FrameBatch.of(data['inputs']).img)
    labels = torch.stack([s.gt_sem_seg.data[0] for s in data['data_samples']]).long()
    disparity = stack_disparity(data['data_samples'], torch.device('cpu'))
    assert disparity is not None
    mixed = mixer(MixBatch(images, labels, (labels != IGNORED).float(), disparity))
    assert mixed.mask is not None
    return images, disparity, mixed, mixed.mask[0, 0]
