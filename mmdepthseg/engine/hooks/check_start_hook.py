"""Checks before the first iteration: what cannot go well is refused now."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mmengine.hooks
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.models.segmentors import BaseSegmentor
from torch import nn
from torch.utils.data import DataLoader

from mmdepthseg.checkpoints.arrival import weight_sources
from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.engine.hooks.check_frames import check_frames, parts_of
from mmdepthseg.engine.hooks.check_labels import more_labels, shared_images
from mmdepthseg.engine.hooks.check_loops import (
    accumulated,
    all_schedulers,
    check_batches,
    check_epochs,
    check_evaluation_loops,
    check_groups,
    check_lengths,
    check_saving,
    check_teacher,
    check_train_loop,
)
from mmdepthseg.engine.hooks.check_metrics import (
    check_baseline,
    check_official_metric,
    check_predictions,
    check_truth,
)
from mmdepthseg.engine.hooks.check_sample import check_sample
from mmdepthseg.engine.hooks.check_values import check_values
from mmdepthseg.engine.hooks.check_weights import (
    foreign_normalization,
    random_encoders,
)
from mmdepthseg.engine.hooks.monitor_hooks import validation_figures
from mmdepthseg.engine.optim.merged_groups_constructor import PARAMWISE_READERS
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError, listed, unknown_key

#: Labels are searched for missing classes if their files are not larger than this.
CHEAP_BYTES = 4_000_000
STAGES = ('train', 'val', 'test')


@HOOKS.register_module()
class CheckStartHook(Hook):
    """Check the parts of a run against each other before the first iteration.

    - Values are of the types that constructors announce (see `check_values`; our tools
      check that before they build anything).
    - Loops, samplers, schedules and hooks fit each other (see `check_loops`).
    - The first frame of each folder is stored as it is to be read, and its camera fits
      (see `check_frames`).
    - The first sample has inputs, and passes through a model of MMSegmentation (see
      `check_sample`).
    - `classes` are names, and the heads and their class weights have as many classes
      as the data sets.
    - The figures in `save_best` and `monitor` (early stopping, ReduceOnPlateau) are
      among those of the validation; a warning if a metric does not tell its own.
    - The model predicts what the metrics of the validation compare, and the validation
      has their truth; the first sample is loaded (see `check_metrics`).
    - Labelled images of the training that are also those of the validation, and labels
      of mixed images that the labelled source lacks, cause a warning.
    - A class that no training label shows causes a warning, if the labels are small;
      so do a rate of its own for parameters that the model does not have, and weights
      that a transfer lacks or that want other images (see `check_weights`).

    It works with every tool that builds a Runner from a config with this hook.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Run the checks of the loops that the run has built.

        Raises:
            UserError: Names the key to change.
        """
        check_values(runner.cfg)
        model = unwrapped(runner.model)
        # not the properties, which would build the loops
        loops = {name: getattr(runner, f'_{name}_loop') for name in STAGES}
        loops = {n: loop for n, loop in loops.items() if isinstance(loop, BaseLoop)}
        for name, loop in loops.items():
            check_batches(name, loop)
            if isinstance(loop.dataloader, DataLoader):
                dataset, place = loop.dataloader.dataset, f'{name}_dataloader'
                check_classes(place, dataset, model)
                check_frames(dataset)
                if name == 'train':
                    check_sample(place, dataset, model, runner.optim_wrapper)
                    continue
                check_sample(place, dataset)
                check_inference(model)
                for metric in loop.evaluator.metrics:
                    networks = getattr(loop, 'networks', None)
                    check_official_metric(metric, dataset, networks)
                    check_baseline(metric, dataset)
        check_evaluation_loops(loops, model)
        if 'train' not in loops:
            return
        check_train_loop(loops['train'])
        check_groups(loops['train'].dataloader)
        check_teacher(model, runner.hooks)
        counting = loops['train'], runner.hooks, runner.param_schedulers
        doubts = [*check_epochs(*counting), *check_lengths(*counting)]
        doubts += check_saving(runner.hooks, accumulated(runner))
        for doubt in (*doubts, *check_monitors(runner)):
            runner.logger.warning(doubt)
        data = getattr(loops['train'].dataloader, 'dataset', None)
        if 'val' in loops and isinstance(loops['val'].dataloader, DataLoader):
            dataset = loops['val'].dataloader.dataset
            for metric in loops['val'].evaluator.metrics:
                check_predictions(metric, model)
                check_truth(metric, dataset)
            for doubt in shared_images(data, dataset):
                runner.logger.warning(doubt)
        for doubt in (
            *absent_classes(loops['train'].dataloader),
            *more_labels(data, model),
            *idle_rates(runner.cfg, runner.model),
        ):
            runner.logger.warning(doubt)

    def before_train(self, runner: Runner) -> None:
        """Tell doubts about the weights, which are there now."""
        model = unwrapped(runner.model)
        sources = weight_sources(model)
        doubts = foreign_normalization(model, sources)
        if not runner._has_loaded:  # something that replaced them
            doubts += random_encoders(sources)
        for doubt in doubts:
            runner.logger.warning(doubt)


def idle_rates(config: Config, model: nn.Module) -> Iterator[str]:
    """Yield a warning for each of `custom_keys` that is part of no parameter's name."""
    wrapper = config.get('optim_wrapper') or {}
    if wrapper.get('constructor', PARAMWISE_READERS[0]) not in PARAMWISE_READERS:
        return
    names = [
        name if '.' in name else f'.{name}' for name, _ in model.named_parameters()
    ]
    for key in (wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}:
        if not any(key in name for name in names):
            yield (
                f'optim_wrapper.paramwise_cfg.custom_keys: {key!r} is part of no '
                "parameter's name, so its settings apply to nothing"
            )


def segmentation_heads(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of the decode and auxiliary heads of all segmentors."""
    for name, module in model.named_modules():
        if not isinstance(module, BaseSegmentor):
            continue
        for part in ('decode_head', 'auxiliary_head'):
            head: Any = getattr(module, part, None)
            for one in head if isinstance(head, nn.ModuleList) else [head]:
                if getattr(one, 'num_classes', None) is not None:
                    yield f'{name}.{part}'.lstrip('.'), one


def check_classes(place: str, dataset: Any, model: nn.Module) -> None:
    """Compare the classes of a data set with those of the heads.

    Args:
        place: Key of the data loader.
        dataset: Its data set; without `metainfo` nothing is checked.
        model: The model.

    Raises:
        UserError: Names the key that does not fit.
    """
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    # images that are only predicted need no classes
    if classes is None or not (classes or place.startswith('train')):
        return
    if isinstance(classes, str):
        raise UserError(
            f'{place}: the metainfo of the data set has classes={classes!r}, which is '
            f'a text: write classes=({classes!r},), with a comma, or a list'
        )
    count = len(classes)
    for name, head in segmentation_heads(model):
        if head.num_classes != count:
            raise UserError(
                f'model: {name}.num_classes is {head.num_classes}, but the data set of '
                f'{place} has {count} classes ({listed(classes, 8)}): set '
                f'num_classes={count}, or `classes` in the metainfo of the data set'
            )
        outputs = getattr(head, 'out_channels', count)
        losses = getattr(head, 'loss_decode', None)
        for loss in losses if isinstance(losses, nn.ModuleList) else [losses]:
            weights = getattr(loss, 'class_weight', None)
            if isinstance(weights, Sequence) and len(weights) not in (count, outputs):
                raise UserError(
                    f'model: {name}.loss_decode.class_weight has {len(weights)} '
                    f'weights for {count} classes ({listed(classes, 8)})'
                )
            if count == outputs == 1 and not getattr(loss, 'use_sigmoid', False):
                raise UserError(
                    f'model: {name} has a single class ({classes[0]}), of which every '
                    'pixel is for certain, so nothing is learned: add a class for the '
                    'rest, such as `background`, in the metainfo of the data set and '
                    'in the labels'
                )


def check_inference(model: nn.Module) -> None:
    """Check how segmentors predict, which they read at the first validation.

    Raises:
        UserError: Names the key of `test_cfg`.
    """
    for name, module in model.named_modules():
        options = getattr(module, 'test_cfg', None)
        if not isinstance(module, BaseSegmentor) or not isinstance(options, Mapping):
            continue
        place = f'model: {name}.test_cfg'.replace(' .', ' ')
        mode = options.get('mode', 'whole')
        sizes = [options.get('crop_size'), options.get('stride')]
        pairs = all(
            isinstance(size, Sequence) and [*map(type, size)] == [int, int]
            for size in sizes
        )
        if mode not in ('whole', 'slide'):
            raise UserError(f"{place}.mode must be 'whole' or 'slide', got {mode!r}")
        if mode == 'slide' and not (
            pairs and all(0 < step <= side for side, step in zip(*sizes, strict=True))
        ):
            raise UserError(
                f"{place}: mode='slide' needs crop_size and stride, two whole numbers "
                f'each, and steps that are not larger than the crop, got {sizes}'
            )


def watched_figures(runner: Runner) -> Iterator[tuple[str, str]]:
    """Yield the option and the name of each figure of the validation that is watched.

    MMEngine looks for them after the first validation.
    """
    for hook in runner.hooks:
        if isinstance(hook, mmengine.hooks.CheckpointHook):
            for name in hook.save_best or ():
                yield f'{type(hook).__name__}: save_best', name
        elif isinstance(hook, mmengine.hooks.EarlyStoppingHook):
            yield f'{type(hook).__name__}: monitor', hook.monitor
    for scheduler in all_schedulers(getattr(runner, 'param_schedulers', None)):
        if isinstance(scheduler, ReduceOnPlateauParamScheduler):
            yield f'{type(scheduler).__name__}: monitor', scheduler.monitor


def check_monitors(runner: Runner) -> list[str]:
    """Look for the figures that are watched among those of the validation.

    Returns:
        A warning for each that a metric may or may not give, because it does not tell
        the names of its figures; and for the best checkpoint, if nothing is validated.

    Raises:
        UserError: Names the option and the figures there are, if any.
    """
    figures = validation_figures(runner)
    if figures is None:
        never = [
            f'{option}={name!r}: nothing is validated, so this never acts: give '
            'val_dataloader, val_cfg and val_evaluator'
            for option, name in watched_figures(runner)
        ]
        if fatal := [text for text in never if 'save_best' not in text]:
            raise UserError(fatal[0])
        return never
    names, silent = figures
    doubts = []
    for option, name in watched_figures(runner):
        if name in names or (name == 'auto' and not silent):
            continue
        if not silent:
            place = f'{option}: the validation'
            raise UserError(unknown_key(name, names, place, 'figure'))
        known = f'; known are {listed(names, 8)}' if names else ''
        doubts.append(
            f'{option}: whether the validation gives {name!r} shows after the first, '
            f'because {listed(silent)} does not tell the names of its figures{known}'
        )
    return doubts


def absent_classes(loader: Any) -> Iterator[str]:
    """Name the classes that no training label shows, if the labels are small.

    Args:
        loader: The training's data loader.

    Yields:
        A warning for each labelled part of the data set.
    """
    for part in parts_of(getattr(loader, 'dataset', None)):
        if not isinstance(part, SequenceDataset) or not part.metainfo.get('classes'):
            continue
        infos = [part.get_data_info(index) for index in range(len(part))]
        files = [info.get('seg_map_path') for info in infos]
        if not files or not all(path and os.path.isfile(path) for path in files):
            continue
        if sum(map(os.path.getsize, files)) > CHEAP_BYTES:
            continue
        try:
            pixels = class_pixels(part).sum(0)
        except UserError:  # no labels are loaded
            continue
        names = [c for c, n in zip(part.metainfo['classes'], pixels) if n == 0]
        if names:
            yield (
                f'train_dataloader: none of the {len(part)} labels shows '
                f'{listed(names, 8)}: nothing is learned about these classes'
            )
