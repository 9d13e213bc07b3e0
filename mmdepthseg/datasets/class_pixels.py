"""Counts of the pixels of each class in the labels of a data set."""

import copy

import numpy as np
from mmengine.dataset import BaseDataset

from mmdepthseg.utils.errors import UserError


def class_pixels(dataset: BaseDataset) -> np.ndarray:
    """Count the pixels of each class in each label file, read as training reads it.

    Args:
        dataset: All its samples are labelled, and its pipeline loads labels.

    Returns:
        (number of samples, number of classes), int64; void is not counted.

    Raises:
        UserError: A sample has no label, or the pipeline does not load labels.
    """
    owner = f'{type(dataset).__name__}({dataset.data_root})'
    steps = [
        step
        for step in dataset.pipeline.transforms
        if str(getattr(step, 'loads', '')).startswith('gt_seg_map')
    ]
    if not steps:
        raise UserError(
            f'{owner}: counting the classes of samples needs '
            "dict(type='LoadSegLabel') in the pipeline"
        )
    step = steps[0]
    if getattr(step, 'evaluate_at', None) is not None:
        step = copy.copy(step)  # counted in the files, whatever their images' size
        step.evaluate_at = None
    classes = len(dataset.metainfo['classes'])
    counts = np.zeros((len(dataset), classes), dtype=np.int64)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if not info.get('seg_map_path'):
            raise UserError(
                f'{owner}: counting the classes of samples needs labels, '
                f"{info['img_id']} has none: use labeled_subset, subset_mode='keep'"
            )
        label = step(info)['gt_seg_map']
        counts[index] = np.bincount(label.ravel(), minlength=256)[:classes]
    return counts
