"""What a training sees and makes of it, as panels to be drawn."""

from typing import Any

from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.geometry import synthesize_views
from mmdepthseg.models.segmentors.logits import seg_logits
from mmdepthseg.models.segmentors.samples import (
    ground_truth,
    neighbour_offsets,
    select_branch,
)
from mmdepthseg.structures import FrameBatch, Panel

Rows = list[list[Panel]]
Columns = list[tuple[str, Any, Tensor]]  # caption, kind, values of all samples


def segmentor_panels(model: Any, batch: FrameBatch, data_samples: SampleList) -> Rows:
    """Return what a `DepthSegmentor` makes of a batch.

    Args:
        model: The segmentor, in evaluation mode.
        batch: The batch.
        data_samples: Its samples.

    Returns:
        A row per sample: image, label, prediction; disparity and, with a pose net, the
        first neighbour warped to the image and its photometric error.
    """
    columns: Columns = [('image', 'image', _raw_images(model, batch))]
    if model.with_decode_head:
        predicted = seg_logits(model, batch.img).argmax(1)
        truth, _ = ground_truth(data_samples, predicted)
        columns += [('label', 'labels', truth), ('prediction', 'labels', predicted)]
    if model.depth_head is not None:
        columns += _depth_columns(model, batch, data_samples)
    return _rows(columns)


def teacher_panels(
    model: Any, batch: FrameBatch, data_samples: SampleList
) -> dict[str, Rows]:
    """Return what a `MeanTeacher` makes of a batch.

    Args:
        model: The mean teacher, in evaluation mode.
        batch: The batch, both branches.
        data_samples: Its samples.

    Returns:
        `labelled`: rows of image, label, what student and teacher predict; `mixed`:
        rows of image, mask (white: kept), mixed image, its disparity where the mixer
        uses it, pseudo-label, confidence.
    """
    labelled, samples = select_branch(batch, data_samples, 'labeled')
    predicted = seg_logits(model.student, labelled.img).argmax(1)
    truth, _ = ground_truth(samples, predicted)
    taught = seg_logits(model.teacher.module, labelled.img).argmax(1)
    left: Columns = [
        ('image', 'image', _raw_images(model, labelled)),
        ('label', 'labels', truth),
        ('student', 'labels', predicted),
        ('teacher', 'labels', taught),
    ]
    mix, mix_samples = select_branch(batch, data_samples, 'mix')
    mixed = model.mix(mix, mix_samples)
    right: Columns = [('image', 'image', _raw_images(model, mix))]
    if mixed.mask is not None:
        right.append(('mask', 'share', mixed.mask[:, 0].float()))
    right.append(('mixed', 'image', mixed.images))
    if mixed.disparity is not None:
        right.append(('disparity', 'disparity', mixed.disparity[:, 0]))
    right += [
        ('pseudo-label', 'labels', mixed.labels),
        ('confidence', 'share', mixed.confidence),
    ]
    return dict(labelled=_rows(left), mixed=_rows(right))


def _raw_images(model: Any, batch: FrameBatch) -> Tensor:
    """Return the images of a batch in [0, 1], (N, 3, H, W)."""
    if batch.img_raw is not None:
        return batch.img_raw
    return model.data_preprocessor.denormalize(batch.img)


def _depth_columns(model: Any, batch: FrameBatch, samples: SampleList) -> Columns:
    head = model.depth_head
    disparities = model.decode(model.extract_feat(batch.img), labels=False).disparities
    disparity, depth = head.predict(disparities, _raw_images(model, batch).shape[2:])
    columns: Columns = [('disparity', 'disparity', disparity[:, 0])]
    sources = batch.adjacent_raw
    if model.pose_net is None or sources is None or batch.cam2img is None:
        return columns
    offsets = neighbour_offsets(samples, model.pose_net)
    transforms = model.pose_net.source_transforms(batch, offsets)
    warped, _ = synthesize_views(
        sources[:, :1], depth, transforms[:, :1], batch.cam2img
    )
    error = head.loss_depth.error(warped[:, 0], batch.require('img_raw'))
    return [
        *columns,
        (f'neighbour {offsets[0]:+d}', 'image', sources[:, 0]),
        ('warped', 'image', warped[:, 0]),
        ('error', 'share', error[:, 0]),
    ]


def _rows(columns: Columns) -> Rows:
    count = min(len(values) for _, _, values in columns)
    return [
        [
            Panel(caption, kind, values[index].detach().cpu())
            for caption, kind, values in columns
        ]
        for index in range(count)
    ]
