"""Checks before the first iteration: what cannot go well is refused now."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdepthseg.checkpoints.arrival import weight_sources
from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.engine.checks.frames import (
    check_frames,
    check_sizes_in_batches,
    left_out_images,
)
from mmdepthseg.engine.checks.heads import (
    check_classes,
    check_inference,
    compare_with_training,
)
from mmdepthseg.engine.checks.label_ids import LabelIds
from mmdepthseg.engine.checks.labels import (
    absent_classes,
    check_label_files,
    more_labels,
    shared_images,
)
from mmdepthseg.engine.checks.loops import (
    check_batches,
    check_epochs,
    check_evaluation_loops,
    check_groups,
    check_lengths,
    check_saving,
    check_teacher,
    check_train_loop,
    mixes,
)
from mmdepthseg.engine.checks.metrics import (
    check_baseline,
    check_official_metric,
    check_predictions,
    check_truth,
)
from mmdepthseg.engine.checks.mixing import check_mixing
from mmdepthseg.engine.checks.monitors import check_monitors
from mmdepthseg.engine.checks.sample import check_sample
from mmdepthseg.engine.checks.values import check_values
from mmdepthseg.engine.checks.weights import (
    foreign_normalization,
    idle_rates,
    random_encoders,
    retrained_encoders,
)
from mmdepthseg.engine.hooks.mean_teacher_hook import MeanTeacherHook
from mmdepthseg.engine.runs import accumulated, built_loop, resumes
from mmdepthseg.registry import HOOKS

STAGES = ('train', 'val', 'test')


@HOOKS.register_module()
class CheckStartHook(Hook):
    """Check the parts of a run against each other before the first iteration.

    - Values are of the types that constructors announce (see `checks.values`; our tools
      check that before they build anything).
    - Loops, samplers, schedules and hooks fit each other (see `checks.loops`).
    - The first, middle and last frame of each folder are stored as they are to be
      read, their cameras fit, and neighbours have one size; a `scale` of another aspect
      ratio causes a warning; images of several sizes do not come in one batch of an
      evaluation (see `checks.frames`).
    - The first sample of each source has inputs for the data preprocessor, no transform
      leaves parts of it unchanged, and it passes through a model of MMSegmentation (see
      `checks.sample`).
    - Mix images have what the mixer needs (see `checks.mixing`).
    - `classes` are names, and the heads and their class weights have as many classes
      as the data sets.
    - The figures in `save_best` and `monitor` (early stopping, ReduceOnPlateau) are
      among those of the validation; a warning if a metric does not tell its own.
    - The model predicts what the metrics of the validation compare, and the validation
      has their truth; the first sample is loaded (see `checks.metrics`).
    - Labelled images of the training that are also those of the validation, and labels
      of mixed images that the labelled source lacks, cause a warning.
    - A class that no training label shows causes a warning, if the labels are small;
      so do a rate of its own for parameters that the model does not have, and weights
      that a transfer lacks or that want other images (see `checks.weights`).
    - Labels that MMSegmentation's data sets list are there (see `checks.labels`);
      images that they leave out because of their suffix cause a warning.
    - The ids in the labels of MMSegmentation's data sets, batch by batch as they come
      (see `checks.label_ids`); ours compare them with their tables when loading.

    It works with every tool that builds a Runner from a config with this hook.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        #: Ids that labels may have, by stage; None where nothing is to be checked.
        self._ids: dict[str, LabelIds | None] = {}

    def before_run(self, runner: Runner) -> None:
        """Run the checks of the loops that the run has built.

        Raises:
            UserError: Names the key to change.
        """
        check_values(runner.cfg)
        model = unwrapped(runner.model)
        samples: dict[str, Mapping] = {}
        found = {stage: built_loop(runner, stage) for stage in STAGES}
        loops = {stage: loop for stage, loop in found.items() if loop is not None}
        stretched: list[str] = []
        for name, loop in loops.items():
            check_batches(name, loop)
            ids = self._ids[name] = LabelIds.of(name, loop, model)
            if isinstance(loop.dataloader, DataLoader):
                dataset, place = loop.dataloader.dataset, f'{name}_dataloader'
                check_classes(place, dataset, model)
                training = getattr(loops.get('train'), 'dataloader', None)
                if isinstance(training, DataLoader):
                    doubt = compare_with_training(place, dataset, training.dataset)
                    if doubt:
                        runner.logger.warning(doubt)
                stretched += [f'{place}: {one}' for one in check_frames(dataset)]
                check_label_files(place, dataset)
                for doubt in left_out_images(place, dataset):
                    runner.logger.warning(doubt)
                if name == 'train':
                    samples = check_sample(
                        place, dataset, model, runner.optim_wrapper, ids
                    )
                    continue
                check_sample(place, dataset, label_ids=ids)
                check_sizes_in_batches(place, loop.dataloader, model)
                check_inference(model)
                for metric in loop.evaluator.metrics:
                    networks = getattr(loop, 'networks', None)
                    check_official_metric(metric, dataset, networks)
                    check_baseline(metric, dataset)
        for doubt in stretched[:1]:  # the others' scale is most often the same
            runner.logger.warning(doubt)
        check_evaluation_loops(loops, model)
        if 'train' not in loops:
            return
        check_train_loop(loops['train'])
        check_groups(loops['train'].dataloader)
        check_teacher(model, runner.hooks)
        counting = loops['train'], runner.hooks, runner.param_schedulers
        steps = accumulated(runner)
        lengths = check_lengths(*counting, steps, resumes(runner))
        doubts = [*check_epochs(*counting), *lengths]
        doubts += check_saving(runner.hooks, steps)
        for hook in runner.hooks:
            if isinstance(hook, MeanTeacherHook) and mixes(hook, loops['train'], steps):
                check_mixing(samples, loops['train'].dataloader, model)
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
        if not runner._has_loaded:  # what is loaded has replaced them
            doubts += [*random_encoders(sources), *retrained_encoders(model)]
        for doubt in doubts:
            runner.logger.warning(doubt)

    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, mode: str = ''
    ) -> None:
        """Check the label ids of a batch of any stage.

        Raises:
            UserError: Names the label file.
        """
        ids = self._ids.get(mode)
        if ids is not None:
            ids.check(data_batch)
