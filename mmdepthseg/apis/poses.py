"""Predict the camera motion between frames."""

from collections.abc import Callable, Iterator

import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader

from mmdepthseg.apis.pool import check_loading
from mmdepthseg.models.segmentors.samples import neighbour_offsets
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError


@torch.inference_mode()
def predict_poses(
    model: BaseModel,
    dataset: BaseDataset,
    batch_size: int = 8,
    num_workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[list[SegDataSample]]:
    """Run a model's pose net on a data set of frames with neighbours.

    Args:
        model: In eval mode; a `DepthSegmentor` with a `pose_net`, or a
            `MeanTeacher` of one.
        dataset: With packed samples (`PackDepthSegInputs`) that have neighbours.
        batch_size: Samples per forward pass; all must have the same size.
        num_workers: Loader processes.
        progress: Called with (samples done, total).

    Yields:
        The samples of a batch, each with the metainfo `pred_transforms` (F, 4, 4):
        target camera to each neighbour's camera, translations up to scale.

    Raises:
        UserError: The model has no pose net, a sample has no neighbours, or
            `batch_size` or `num_workers` is out of range.
    """
    check_loading(batch_size, num_workers)
    # of a mean teacher, only the student has one
    pose_net = getattr(getattr(model, 'student', model), 'pose_net', None)
    if pose_net is None:
        raise UserError(
            'this model has no pose_net: use the config and checkpoint of '
            'a depth (SDE) or multi-task model'
        )
    loader = DataLoader(
        dataset, batch_size, num_workers=num_workers, collate_fn=pseudo_collate
    )
    done = 0
    for batch in loader:
        data = model.data_preprocessor(batch, False)
        inputs, samples = FrameBatch.of(data['inputs']), data['data_samples']
        if inputs.adjacent is None:
            raise UserError(
                f'{samples[0].metainfo.get("img_path")}: no neighbouring frames; the '
                'data set needs offsets and its pipeline LoadAdjacentFrames'
            )
        offsets = neighbour_offsets(samples, pose_net)
        transforms = pose_net.source_transforms(inputs, offsets).cpu().numpy()
        for sample, transform in zip(samples, transforms, strict=True):
            sample.set_metainfo(dict(pred_transforms=transform))
        done += len(samples)
        if progress is not None:
            progress(done, len(dataset))
        yield samples
