"""Checks of metrics against the model and the data; see `CheckStartHook`."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import mmseg.evaluation
from mmengine.evaluator import BaseMetric

from mmdepthseg.cityscapes import CLASSES
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms import LoadDepthMap, LoadStereoDepth
from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.engine.random_state import kept_random_state
from mmdepthseg.engine.runs import parts_of
from mmdepthseg.evaluation import DepthMetric, PseudoLabelMetric
from mmdepthseg.evaluation.depth_metric import TARGET_CURE
from mmdepthseg.names import sample_name
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError, listed

#: Where a sample's info names its depth.
TRUTH_PATHS = ('depth_path', 'disparity_path')
DEPTH_METRICS = (DepthMetric, mmseg.evaluation.DepthMetric)
LABEL_METRICS = (mmseg.evaluation.IoUMetric, PseudoLabelMetric)


def check_predictions(metric: BaseMetric, model: Any) -> None:
    """Check that the model predicts what a metric compares.

    Args:
        metric: A metric; ours and MMSegmentation's are checked.
        model: A `DepthSegmentor`, also in a `MeanTeacher`; others are not checked.

    Raises:
        UserError: Names the head that is missing.
    """
    model = getattr(model, 'student', model)
    if not hasattr(model, 'depth_head'):
        return
    for kinds, head, there in (
        (DEPTH_METRICS, 'depth_head', model.depth_head is not None),
        (LABEL_METRICS, 'decode_head', model.with_decode_head),
    ):
        if isinstance(metric, kinds) and not there:
            raise UserError(
                f'val_evaluator: {type(metric).__name__} needs a model with a {head}, '
                'which this one lacks'
            )


def check_truth(metric: BaseMetric, dataset: Any) -> None:
    """Check that the validation data have what a metric compares with.

    Args:
        metric: A metric; ours and MMSegmentation's are checked.
        dataset: The data set of the validation.

    Raises:
        UserError: Names samples without truth, and what to do.
    """
    owner = type(metric).__name__
    keys: tuple[str, ...] = TRUTH_PATHS
    if getattr(metric, 'format_only', False):
        return
    if isinstance(metric, DEPTH_METRICS):
        field, cure = 'gt_depth_map', TARGET_CURE
    elif isinstance(metric, LABEL_METRICS):
        if getattr(metric, 'output_dir', None):
            return
        field, keys = 'gt_sem_seg', ('seg_map_path',)
        cure = 'LoadSegLabel (or LoadAnnotations) in the pipeline, and label files'
    else:
        return
    place = 'val_dataloader'
    check_paths(dataset, keys, f'{owner}: {place}', cure)
    with kept_random_state():
        sample = dataset[0] if len(dataset) else None
    found = sample.get('data_samples') if isinstance(sample, Mapping) else None
    if found is not None and not isinstance(found, Sequence) and field not in found:
        raise UserError(
            f'{owner}: {place}: {sample_name(found)} has no {field}; needs {cure}'
        )
    if isinstance(metric, DepthMetric) and metric.baseline is not None:
        training = DATASETS.build(dict(metric.baseline['dataset'], pipeline=[]))
        check_paths(training, keys, f'{owner}: baseline.dataset', cure)


def check_baseline(metric: BaseMetric, dataset: Any) -> None:
    """Check that a depth metric's baseline reads depth as the evaluation does.

    Args:
        metric: A metric; only our `DepthMetric` is checked.
        dataset: The data set of the evaluation.

    Raises:
        UserError: Names options of its loaders that the baseline's pipeline, which is
            the standard one, does not have.
    """
    baseline = getattr(metric, 'baseline', None) or dict(dataset=dict(pipeline=[]))
    if not isinstance(metric, DepthMetric) or 'pipeline' in baseline['dataset']:
        return
    for step in all_steps([getattr(p, 'pipeline', None) for p in parts_of(dataset)]):
        if not isinstance(step, LoadDepthMap | LoadStereoDepth):
            continue
        # where in the pipeline it stands says nothing about the files
        place = dict(keep_size=step.keep_size, after_flip=step.after_flip)
        standard = {**vars(type(step)()), **place}
        own = {key: v for key, v in vars(step).items() if v != standard[key]}
        if own:
            options = ', '.join(f'{key}={value!r}' for key, value in own.items())
            raise UserError(
                f'DepthMetric: the evaluated data are read by {type(step).__name__}('
                f'{options}), baseline.dataset without: give it a pipeline of its own, '
                f"[dict(type='{type(step).__name__}', {options}, keep_size=True)], "
                'with the options of its files'
            )


def check_paths(dataset: Any, keys: Sequence[str], place: str, cure: str) -> None:
    """Check that every sample of a data set lists one of some files.

    Args:
        dataset: The data set; those that are not ours are not checked.
        keys: Keys of the files in a sample's info.
        place: Where the data set stands, for the message.
        cure: What to do.

    Raises:
        UserError: Names the first samples that list none.
    """
    if not isinstance(dataset, SequenceDataset):
        return  # others list files that do not exist
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    without = [sample_name(i) for i in infos if not {*keys} & {*i}]
    if without:
        raise UserError(
            f'{place}: {len(without)} of {len(dataset)} samples have no '
            f'{" or ".join(keys)} ({listed(without)}); needs {cure}'
        )


def _has_label_ids(path: str) -> bool:
    path = path.replace('labelTrainIds.png', 'labelIds.png')
    return path.endswith('labelIds.png') and os.path.isfile(path)


def check_official_metric(
    metric: BaseMetric, dataset: Any, networks: Sequence[str] | None = None
) -> None:
    """Check that MMSegmentation's `CityscapesMetric` scores what it is to score.

    It names its maps after the image files alone, translates classes by their numbers
    in Cityscapes, compares whole files with the official scripts, and removes its
    `output_dir` at the end, with all that is in it.

    Args:
        metric: A metric.
        dataset: The data set that it is to score.
        networks: Names of the networks that a loop evaluates, one after the other.

    Raises:
        UserError: Names what does not fit, and the metric to use.
    """
    if not isinstance(metric, mmseg.evaluation.CityscapesMetric):
        return
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    names = Counter(os.path.basename(info.get('img_path') or '') for info in infos)
    official = [_has_label_ids(info.get('seg_map_path') or '') for info in infos]
    several = [name for name, count in names.items() if count > 1]
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
    folder = metric.output_dir
    problem = ''
    if networks:
        problem = f'the maps of {" and ".join(networks)} would have the same names'
    elif several:
        problem = f'images of different folders have one name: {listed(several)}'
    elif tuple(classes) != tuple(CLASSES):
        problem = 'it knows no classes but the 19 of Cityscapes'
    elif not (metric.format_only or all(official)):
        problem = (
            'it compares with files of labelIds, which '
            f'{official.count(False)} of {len(infos)} images lack'
        )
    elif not metric.keep_results and os.path.isdir(folder) and os.listdir(folder):
        problem = (
            f'it removes its output_dir {folder} at the end, and that is not empty: '
            'give a new folder or keep_results=True'
        )
    if problem:
        metric.keep_results = True  # otherwise the folder is removed now
        raise UserError(
            f"CityscapesMetric: {problem}. dict(type='IoUMetric') scores any data, and "
            'names maps after clip and frame.'
        )
