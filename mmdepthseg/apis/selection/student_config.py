"""Training configs of students, derived from the config of a selection."""

import copy
import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from mmdepthseg.engine.runs import loads_labels
from mmdepthseg.models.segmentors.depth_segmentor import given_head
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.configs import type_name
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash

LOADER = 'LoadSDEDisparity'
NEEDED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
#: Parts of a config that decide the weights of a student.
DECISIVE = (
    *NEEDED,
    'param_scheduler',
    'custom_hooks',
    'load_from',
    'sync_bn',
    'runner_type',
)


def check_student(cfg: Config, criterion: str) -> None:
    """Raise unless a config trains a student that the criterion can use.

    Raises:
        UserError: Names the missing part, before hours of training.
    """
    missing = [key for key in NEEDED if cfg.get(key) is None]
    if missing:
        raise UserError(
            f'{cfg.filename}: lacks {", ".join(missing)} of the students '
            'that this method trains; see configs/streets/select-*.py'
        )
    if not cfg.train_cfg.get('max_iters'):
        raise UserError(
            f'{cfg.filename}: students train by iterations; train_cfg '
            "needs type='IterBasedTrainLoop' and max_iters"
        )
    labels = given_head(cfg.model.get('decode_head'))
    if criterion == 'entropy' and (labels or {}).get('out_channels') == 1:
        raise UserError(
            f'{cfg.filename}: the criterion entropy needs a channel for each class, '
            'model.decode_head.out_channels=2 in the place of 1'
        )
    if criterion == 'entropy' and labels is None:
        raise UserError(
            f'{cfg.filename}: the criterion entropy needs a student with '
            'a decode_head (segmentation), this config has none'
        )
    head = cfg.model.get('depth_head') or {}
    if criterion == 'depth_error' and not head.get('loss_disparity'):
        raise UserError(
            f'{cfg.filename}: the criterion depth_error needs a student with a '
            'depth_head that learns from depth labels, loss_disparity=dict(type='
            "'BerHuLoss'); this config has none"
        )


def student_config(cfg: Config, iterations: int, seed: int, folder: Path) -> Config:
    """Return a training config of `iterations` iterations, without validation.

    Learning rate schedules are scaled accordingly.
    """
    config = copy.deepcopy(cfg)
    # MMEngine keeps global instances by these names.
    name = f'student_{uuid.uuid4().hex[:8]}'
    config.experiment_name = name
    if config.get('visualizer'):
        config.visualizer.name = name
    config.work_dir = str(folder / 'work_dir')
    scale_schedule(config, iterations)
    config.train_cfg.max_iters = iterations
    for key in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config.pop(f'{key}_{part}', None)
    hooks = config.setdefault('default_hooks', {})
    saving = hooks.get('checkpoint') or dict(type='CheckpointHook', interval=1000)
    saving.update(by_epoch=False, save_last=True)
    hooks.checkpoint = saving
    config.randomness = dict(config.get('randomness') or {}, seed=seed)
    return config


def scale_schedule(config: Config, iterations: int) -> None:
    """Scale the learning rate schedules of a config to a length, in place."""
    length = config.train_cfg.max_iters

    def scaled(step: int) -> int:
        # what lies behind the end, so that the last step has a rate, stays there
        beyond = max(0, step - length)
        return max(1, round((step - beyond) * iterations / length) + beyond)

    schedules = config.get('param_scheduler') or []
    for schedule in schedules if isinstance(schedules, list) else [schedules]:
        for key in ('begin', 'end', 'T_max', 'step_size', 'total_steps'):
            if schedule.get(key, 0) > 0:
                schedule[key] = scaled(schedule[key])
        for key in ('milestones', 'periods'):
            if schedule.get(key):
                schedule[key] = [*map(scaled, schedule[key])]


def share_batch(config: Config, world_size: int) -> None:
    """Split the batch over the ranks, so that a step uses the same images.

    Raises:
        UserError: It cannot be split evenly.
    """
    size = config.train_dataloader.batch_size
    if size % world_size:
        raise UserError(
            f"selection.student_ranks='all': {world_size} ranks cannot share a batch "
            f"of {size}; use another number of ranks, or student_ranks='one'"
        )
    config.train_dataloader.batch_size = size // world_size
    if torch.cuda.is_available():
        config.setdefault('sync_bn', 'torch')


def decisive_parts(config: Config) -> dict:
    """Return the parts of a student's config that decide its weights, as JSON types."""
    parts = {key: config.get(key) for key in DECISIVE}
    parts['train_dataloader'] = {
        key: value
        for key, value in config.train_dataloader.items()
        if key not in ('num_workers', 'persistent_workers', 'prefetch_factor')
    }
    return json.loads(json.dumps(parts, default=str))


def decisive_files(config: Config, names: Collection[str]) -> dict:
    """Return the states of the files that decide a student's weights, as JSON types.

    Args:
        config: Before `restrict`.
        names: The student's images.

    Returns:
        `weights`, SHA-256 by path of the local checkpoints that the config names; and
        `labels`, one SHA-256 of the segmentation labels of the images. Each is left out
        if there are none.
    """
    found: dict = {}
    if weights := {path: file_hash(path) for path in _checkpoints(config.to_dict())}:
        found['weights'] = weights
    if given_head(config.model.get('decode_head')) is None:
        return found  # a list of all images would be made for nothing
    dataset = DATASETS.build(config.train_dataloader.dataset)
    if loads_labels(dataset):
        infos = map(dataset.get_data_info, range(len(dataset)))
        states = [
            [info['img_id'], file_hash(info['seg_map_path'])]
            for info in infos
            if info.get('img_id') in names and info.get('seg_map_path')
        ]
        text = json.dumps(sorted(states)).encode()
        found['labels'] = hashlib.sha256(text).hexdigest()
    return found


def _checkpoints(node: Any) -> Iterator[str]:
    """Yield the local files in entries `checkpoint` and `load_from`, at any depth."""
    entries = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in entries:
        if isinstance(value, Mapping | list | tuple):
            yield from _checkpoints(value)
        elif key in ('checkpoint', 'load_from') and isinstance(value, str):
            if Path(value).is_file():
                yield value


def restrict(config: Config, names: Path) -> None:
    """Restrict the training data set to the named images, in place."""
    dataset = config.train_dataloader.dataset
    if {'datasets', 'sources', 'dataset'} & {*dataset}:
        raise UserError(
            f'train_dataloader.dataset of type {dataset.type} combines others; a '
            'student needs a single data set with a labeled_subset'
        )
    dataset.pop('subset_mode', None)
    dataset.labeled_subset = dict(ann_file=str(names.resolve()))


def set_labels(pipeline: list[dict], labels: Path | None) -> None:
    """Make a pipeline load depth labels from a folder, in place."""
    for transform in _loaders(pipeline):
        transform['root'] = None if labels is None else str(labels.resolve())


def score_pipeline(cfg: Config, labels: Path | None) -> list[dict]:
    """Return the pool's pipeline, with depth labels loaded as in training.

    Raises:
        UserError: The training loads none.
    """
    pipeline = [dict(t) for t in cfg.predict_pipeline]
    if cfg.selection.get('criterion', {}).get('type', 'depth_error') == 'entropy':
        return pipeline
    loaders = _loaders(cfg.train_dataloader.dataset.pipeline)
    if not loaders:
        raise UserError(
            f'{cfg.filename}: the students learn from depth labels, but the pipeline '
            f'of train_dataloader has no {LOADER}'
        )
    pipeline.insert(-1, dict(loaders[0]))
    set_labels(pipeline, labels)
    return pipeline


def _loaders(pipeline: list[dict]) -> list[dict]:
    return [step for step in pipeline if type_name(step['type']).endswith(LOADER)]
