"""Students of a selection: trained on the chosen frames, they score the others."""

import gc
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import barrier, get_dist_info
from mmengine.model import BaseModel

from mmdepthseg.apis.fingerprint import fingerprint, fingerprint_by_time
from mmdepthseg.apis.model import load_model
from mmdepthseg.apis.pool import (
    PARTS,
    ImagePool,
    compute_in_parts,
    is_ready,
    predicted_images,
)
from mmdepthseg.apis.selection.settings import SelectionSettings
from mmdepthseg.apis.selection.student_config import (
    decisive_files,
    decisive_parts,
    restrict,
    score_pipeline,
    set_labels,
    share_batch,
    student_config,
)
from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.launch.runner import build_runner
from mmdepthseg.launch.setup import (
    newest_checkpoint,
    setup_distributed,
    setup_resume,
)
from mmdepthseg.models.losses.entropy import prediction_entropy
from mmdepthseg.models.segmentors.logits import seg_logits
from mmdepthseg.models.segmentors.samples import without_padding
from mmdepthseg.name_lists import write_names
from mmdepthseg.selection.criteria import depth_error
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash, read_array
from mmdepthseg.utils.ranks import end_with_parent, from_main

_POLL_SECONDS = 1.0


class StudentScorer:
    """Scorer of all images that are not chosen yet, by a student of those that are.

    All ranks must call it with the same rows.

    Args:
        cfg: The student's training config, with `predict_dataloader` and
            `predict_pipeline` of the pool.
        settings: Of the same config.
        pool: The images.
        out: Folder of `students/<n>` and `scores/<n>`, for n images.
        seed: Of the student's training.
        excluded: Rows that need no score.
        labels: Folder of the teacher's depth labels.
        teacher: Inputs that these labels were made with.
        device: For the scoring.
        launcher: That of the tool.
        overwrite: Replace results that were made with other inputs.

    Attributes:
        records: Record of each student, by its number of images.
    """

    def __init__(
        self,
        cfg: Config,
        settings: SelectionSettings,
        pool: ImagePool,
        out: Path,
        seed: int,
        excluded: Iterable[int] = (),
        labels: Path | None = None,
        teacher: Mapping | None = None,
        device: str = 'cpu',
        launcher: str = 'none',
        overwrite: bool = False,
    ) -> None:
        self.cfg, self.settings, self.pool, self.out = cfg, settings, pool, out
        self.seed, self.excluded = seed, list(excluded)
        self.labels, self.device, self.launcher = labels, device, launcher
        self.overwrite = overwrite
        self.given = dict(images=fingerprint(pool, out), teacher=teacher)
        self.earlier = dict(images=from_main(lambda: fingerprint_by_time(pool)))
        self.records: dict[int, dict] = {}
        self._scored = ImagePool(
            predicted_images(cfg, pipeline=score_pipeline(cfg, labels)),
            pool.batch_size,
            pool.num_workers,
        )

    def __call__(self, chosen: np.ndarray) -> np.ndarray:
        """Train a student and score the other images.

        Args:
            chosen: Rows, (K,).

        Returns:
            (N,) float64, NaN for the chosen and excluded rows.

        Raises:
            UserError: An existing student or scores were made with other inputs.
        """
        config, made_with = self._plan(chosen)
        count = len(chosen)
        student = StampedFolder(
            self.out / 'students' / str(count),
            f'the student of {count} images',
            made_with,
            self.earlier,
        )
        trained = from_main(lambda: self._begin(student, config, chosen))
        rows = self._rows(chosen)
        work = StampedFolder(
            self.out / 'scores' / str(count),
            f'the scores by {count} images',
            dict(
                self.given,
                student=_digest(student.made_with),
                rows=_digest(rows),
                pipeline=score_pipeline(self.cfg, None),
                criterion=self.settings.criterion,
            ),
            dict(self.earlier, student=_digest({**student.made_with, **self.earlier})),
        )
        out = work.folder / 'scores.npy'
        if not is_ready(work, out, len(rows), self.overwrite):
            if not trained:
                self._train(config, student)
            self._score(work, student, config, rows)
        student.is_done()
        scores = np.full(len(self.pool), np.nan)
        scores[rows] = read_array(out)
        self.records[count] = dict(
            student.facts,
            iterations=config.train_cfg.max_iters,
            mean_score=float(np.nanmean(scores)),
        )
        return scores

    def _plan(self, chosen: np.ndarray) -> tuple[Config, dict]:
        """Return the training config of a student, and the inputs of its weights.

        The config's `labeled_subset` names its images.
        """
        iterations = self.settings.iterations_for(len(chosen))
        folder = self.out / 'students' / str(len(chosen))
        config = student_config(self.cfg, iterations, self.seed, folder)
        world_size = get_dist_info()[1]
        if world_size > 1 and self.settings.student_ranks == 'all':
            share_batch(config, world_size)
        names = sorted(self.pool.names[row] for row in chosen)
        made_with = dict(
            decisive_parts(config),
            seed=self.seed,
            names=names,
            **from_main(lambda: decisive_files(config, {*names})),
            **self.given,
        )
        restrict(config, folder / 'images.txt')
        set_labels(config.train_dataloader.dataset.pipeline, self.labels)
        return config, made_with

    def _begin(
        self, student: StampedFolder, config: Config, chosen: np.ndarray
    ) -> bool:
        """Tell whether the student is trained; if not, write the list of its images."""
        if student.begin(self.overwrite):
            checkpoint = self.out / student.facts['checkpoint']
            if (
                checkpoint.is_file()
                and file_hash(checkpoint) == student.facts['checkpoint_sha256']
            ):
                return True
        subset = config.train_dataloader.dataset.labeled_subset
        write_names(subset.ann_file, [self.pool.names[row] for row in chosen])
        return False

    def _train(self, config: Config, student: StampedFolder) -> None:
        """Train on all ranks, or on the first one while the others wait."""
        from_main(student.note)
        rank, world_size = get_dist_info()
        started = time.monotonic()
        alone = world_size == 1 or self.settings.student_ranks == 'one'
        if not alone:
            train_student(config, self.launcher)
        elif world_size == 1:
            train_student(config)
        elif rank == 0:
            _train_apart(config)
        if rank == 0:
            path = str(newest_checkpoint(config))
            student.finish(
                checkpoint=os.path.relpath(path, self.out),
                checkpoint_sha256=file_hash(path),
                seconds=round(time.monotonic() - started, 1),
            )
        # training may take longer than the time limit of a barrier
        while not student.is_done():
            time.sleep(_POLL_SECONDS)
        barrier()

    def _rows(self, chosen: np.ndarray) -> list[int]:
        skipped = {*chosen.tolist(), *self.excluded}
        return [row for row in range(len(self.pool)) if row not in skipped]

    def _score(
        self,
        work: StampedFolder,
        student: StampedFolder,
        config: Config,
        rows: list[int],
    ) -> None:
        """Write the scores of `rows`."""
        student.is_done()
        model = load_model(config, self.out / student.facts['checkpoint'], self.device)
        compute_in_parts(
            self._scored,
            rows,
            model,
            make_criterion(model, self.settings),
            work.folder / PARTS,
            work.folder / 'scores.npy',
            f'scores by {student.what}',
            work.finish,
        )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def train_student(config: Config, launcher: str = 'none') -> None:
    """Train in this process, continuing where an earlier run stopped."""
    setup_distributed(config, launcher)
    setup_resume(config, 'auto')
    runner = build_runner(
        config, needs=('train_dataloader', 'train_cfg', 'optim_wrapper')
    )
    runner.train()
    del runner
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _train_apart(config: Config) -> None:
    """Train in a process outside the group."""
    context = torch.multiprocessing.get_context('spawn')
    process = context.Process(
        target=_train_child, args=(config, torch.get_num_threads())
    )
    process.start()
    process.join()
    if process.exitcode:
        raise UserError(
            f'the training of the student in {config.work_dir} failed (exit code '
            f'{process.exitcode}); see its messages above and its log there'
        )


def _train_child(config: Config, threads: int) -> None:
    from mmdepthseg.launch.errors import friendly_errors

    end_with_parent()
    torch.set_num_threads(threads)
    with friendly_errors():
        train_student(config)


def make_criterion(
    model: BaseModel, settings: SelectionSettings
) -> Callable[[dict], np.ndarray]:
    """Return the function that scores a preprocessed batch: (n,) float64.

    Padding does not count.
    """
    options = settings.score_options

    def depth(batch: dict) -> np.ndarray:
        img, samples = FrameBatch.of(batch['inputs']).img, batch['data_samples']
        found = model.predict_disparity(img).cpu()
        scores = []
        for student, sample in zip(
            without_padding(found, samples, img.shape[2:]), samples, strict=True
        ):
            teacher = sample.disparity_map.data.cpu().numpy()
            scores.append(depth_error(student.numpy(), teacher, **options))
        return np.concatenate(scores)

    def entropy(batch: dict) -> np.ndarray:
        img, samples = FrameBatch.of(batch['inputs']).img, batch.get('data_samples')
        values = prediction_entropy(seg_logits(model, img))
        scores = []
        for own in without_padding(values, samples, img.shape[2:]):
            rows = int(options.get('valid_height', 1.0) * own.shape[0])
            scores.append(own[:rows].double().mean())
        return torch.stack(scores).cpu().numpy()

    return entropy if settings.criterion['type'] == 'entropy' else depth
