"""Selection with networks: an SDE teacher, and students that learn its depth."""

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_dist_info
from mmengine.logging import print_log

from mmdepthseg.apis.model import load_model
from mmdepthseg.apis.pool import ImagePool, predicted_images
from mmdepthseg.apis.selection.ranks import PatientRanks
from mmdepthseg.apis.selection.settings import SelectionSettings
from mmdepthseg.apis.selection.student import StudentScorer
from mmdepthseg.apis.selection.student_config import check_student
from mmdepthseg.apis.selection.teacher import FEATURES, NAMES, Teacher
from mmdepthseg.apis.selection.versions import versions
from mmdepthseg.datasets.depth_labels import MANIFEST, DepthLabelStore
from mmdepthseg.launch.config import check_checkpoint_file, load_config
from mmdepthseg.selection.checks import check_rows
from mmdepthseg.selection.farthest.farthest_point import eligible_rows
from mmdepthseg.selection.files import describe_files, read_rows, write_selection
from mmdepthseg.selection.growth import Step, grow, needs_scores
from mmdepthseg.selection.methods import (
    METHODS,
    Selection,
    check_budgets,
    check_options,
)
from mmdepthseg.selection.record import UNDECISIVE, SelectionStamp
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import (
    check_writable,
    file_hash,
    remove_leftovers,
    write_atomically,
)
from mmdepthseg.utils.ranks import from_main

CONFIG = 'config.py'


@dataclass
class NetworkSelection:
    """A selection with networks.

    Attributes:
        cfg: Config with `predict_dataloader` and `predict_pipeline` of the pool, the
            training of the students (if the method has any) and `selection`, see
            `SelectionSettings`.
        checkpoint: Of the SDE teacher; None for methods that need none.
        method: A key of `selection.METHODS`.
        budgets: Total numbers of frames, including the initial ones.
        out: Folder of the results.
        seed: Of the permutation and of the training of the students.
        initial: Path of a list of images that are already labelled.
        exclude: Path of a list of images that must not be picked.
        bias: Weight of a score in `ds_us`; None: that of the config.
        preselect: See `selection.select`.
        teacher_dir: Folder of the teacher's features and depth labels, which several
            selections can share; None: `out`.
        depth_labels: Folder of depth labels that the students learn from and are
            compared with, instead of those of the teacher.
        device: Of the networks and distances; None: a GPU if there is one.
        launcher: `'none'`, `'pytorch'`, `'slurm'` or `'mpi'`.
        batch_size: For features and scores; None: that of `predict_dataloader`.
        num_workers: Likewise.
        overwrite: Replace results that were made with other inputs.
        options: Other options of `selection.select`.
    """

    cfg: Config
    checkpoint: str | None
    method: str
    budgets: Sequence[int]
    out: str
    seed: int = 0
    initial: str | None = None
    exclude: str | None = None
    bias: float | None = None
    preselect: float | None = None
    teacher_dir: str | None = None
    depth_labels: str | None = None
    device: str | None = None
    launcher: str = 'none'
    batch_size: int | None = None
    num_workers: int | None = None
    overwrite: bool = False
    options: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the settings.

        Raises:
            UserError: `selection` of the config is wrong.
        """
        self.settings = SelectionSettings.from_config(self.cfg)
        self.weight = self.settings.bias if self.bias is None else self.bias
        self.scored = needs_scores(self.method, self.preselect)
        self.folder = Path(self.out).expanduser()

    def run(self) -> 'NetworkSelectionResult':
        """Choose frames, and write split files and `selection.json` to `out`.

        Raises:
            UserError: An input is wrong, or existing results were made with other
                inputs.
        """
        self._check()
        ranks = PatientRanks(self.cfg, self.launcher)
        pool = self._build_pool()
        given = [
            read_rows(path, len(pool), pool.names) if path else ()
            for path in (self.initial, self.exclude)
        ]
        initial, exclude = check_rows(len(pool), given[0], given[1])
        check_budgets(self.budgets, initial, eligible_rows(len(pool), exclude))
        self._warn_of_validation(pool, exclude)
        used = from_main(self._begin)
        features, labels, teacher = self._ask_teacher(pool)
        scorer = None
        if self.scored:
            scorer = StudentScorer(
                self.cfg,
                self.settings,
                pool,
                self.folder,
                self.seed,
                exclude,
                labels,
                teacher,
                self._device(),
                self.launcher,
                self.overwrite,
            )
        values = np.zeros((len(pool), 1)) if features is None else features
        chosen = self._grow(values, scorer, initial, exclude, ranks)
        result = NetworkSelectionResult(
            self.folder, [], features, pool.names, pool.paths, exclude
        )
        if chosen is not None:
            result.written = self._write(*chosen, pool, scorer, used)
            if chosen[0].stopped:
                result.stopped_at = len(chosen[0].order)
                result.preselected = chosen[0].preselected
        ranks.leave()
        return result

    # -- before -------------------------------------------------------------------

    def _check(self) -> None:
        """Check the inputs before anything is computed."""
        least = self.options.get('min_distance', 0.0)
        check_options(self.method, self.seed, self.weight, self.preselect, least)
        kind = self.settings.criterion['type']
        if self.scored:
            check_student(self.cfg, kind)
            self.settings.iterations_for(1)
        wrong = {'us': 'entropy', 'entropy': 'depth_error'}.get(self.method)
        if self.scored and kind == wrong:
            raise UserError(
                f'--method {self.method} does not fit selection.criterion.type='
                f'{kind!r} of {self.cfg.filename}; us needs depth_error, entropy needs '
                'entropy: use another config'
            )
        by_depth = self.scored and kind == 'depth_error'
        if self.depth_labels is not None and not by_depth:
            raise UserError(
                f'--depth-labels is for methods that score by depth, not for --method '
                f'{self.method} with selection.criterion.type={kind!r}'
            )
        by_teacher = by_depth and self.depth_labels is None
        if self.checkpoint is None and (METHODS[self.method].distances or by_teacher):
            raise UserError(
                f'--method {self.method} needs the CHECKPOINT of the SDE '
                'teacher, after CONFIG'
            )
        if self.checkpoint is not None:
            check_checkpoint_file(self.checkpoint)
        for folder in {self.out, self.teacher_dir or self.out}:
            folder_path = Path(folder).expanduser()
            check_writable(folder_path, 'folder of --out or --teacher-dir')

    def _options(self) -> dict:
        """Return the options that decide the picks, besides files and budgets."""
        others = {k: v for k, v in self.options.items() if k not in UNDECISIVE}
        return dict(
            method=self.method,
            seed=self.seed,
            bias=self.weight,
            preselect=self.preselect,
            features=self.settings.features,
            criterion=self.settings.criterion,
            **others,
        )

    def _inputs(self) -> dict[str, str | None]:
        """Return the paths of the files that decide the picks, by role."""
        files = dict(
            checkpoint=self.checkpoint, initial=self.initial, exclude=self.exclude
        )
        if self.depth_labels is not None:
            files['depth_labels'] = str(Path(self.depth_labels, MANIFEST))
        return files

    def _stamp(self) -> SelectionStamp:
        """Return the stamp of this selection in its folder."""
        return SelectionStamp(
            self.folder, self._options(), self._inputs(), self.budgets, self.scored
        )

    def _begin(self) -> dict[str, dict[str, str]]:
        """Refuse, or remove, an earlier selection; return the files that are used now.

        They may be replaced or removed in the hours until the end.
        """
        stamp = self._stamp()
        stamp.check(self.overwrite)
        remove_leftovers(self.folder)
        return stamp.files

    def _device(self) -> str:
        return self.device or get_device()

    def _build_pool(self) -> ImagePool:
        dataset, loader = predicted_images(self.cfg), self.cfg.predict_dataloader
        workers = self.num_workers
        if workers is None:
            workers = loader.get('num_workers', 0)
        size = self.batch_size
        return ImagePool(dataset, loader.batch_size if size is None else size, workers)

    def _warn_of_validation(self, pool: ImagePool, exclude: np.ndarray) -> None:
        """Count frames of `val_clips`, as configs of clips name them, in the pool."""
        clips = self.cfg.get('val_clips')
        if not isinstance(clips, list | tuple):
            return
        starts = tuple(f'{clip}/' for clip in clips)
        rows = {i for i, name in enumerate(pool.names) if name.startswith(starts)}
        if rows := rows - {*exclude.tolist()}:
            print_log(
                f'{len(rows)} of the {len(pool)} frames to choose from, such as '
                f'{pool.names[min(rows)]}, are of val_clips, the clips of the '
                'validation, whose frames should not be trained with: give '
                f'predict_dataloader.dataset exclude_clips={[*clips]}',
                logger='current',
                level=logging.WARNING,
            )

    # -- the networks' part -------------------------------------------------------

    def _ask_teacher(
        self, pool: ImagePool
    ) -> tuple[np.ndarray | None, Path | None, dict | None]:
        """Return features, folder of depth labels, and the inputs they depend on."""
        given = None
        if self.depth_labels is not None:
            given = Path(self.depth_labels).expanduser()
            paths = dict(zip(pool.names, pool.paths, strict=True))
            from_main(lambda: DepthLabelStore(given).verify(pool.names, paths))
        if self.checkpoint is None:
            return None, given, labels_made_with(given)
        path = self.settings.find_teacher(self.cfg)
        cfg = self.cfg if path is None else load_config(path)
        checkpoint = Path(self.checkpoint).expanduser()
        teacher = Teacher(
            load_model(cfg, checkpoint, self._device()),
            checkpoint,
            self.cfg,
            cfg.model.to_dict(),
            Path(self.teacher_dir or self.out).expanduser(),
            self.overwrite,
        )
        features = teacher.features(pool, self.settings.features)
        labels = None
        if self.scored and self.settings.criterion['type'] == 'depth_error':
            labels = given or teacher.depth_labels(pool)
        made_with = {**teacher.made_with, **labels_made_with(given)}
        del teacher  # the students need the memory
        gc.collect()
        return features, labels, made_with

    def _grow(
        self,
        features: np.ndarray,
        scorer: StudentScorer | None,
        initial: np.ndarray,
        exclude: np.ndarray,
        ranks: PatientRanks,
    ) -> tuple[Selection, list[Step]] | None:
        """Return the selection on rank 0; the other ranks help with the scores."""
        if get_dist_info()[0] > 0:
            ranks.follow(scorer)
            return None
        chosen = grow(
            features,
            self.method,
            self.budgets,
            None if scorer is None else ranks.lead(scorer),
            seed=self.seed,
            initial=initial,
            exclude=exclude,
            bias=self.weight,
            preselect=self.preselect,
            **{'device': self.device or 'auto', **self.options},
        )
        ranks.tell(None)
        return chosen

    # -- after --------------------------------------------------------------------

    def _write(
        self,
        selection: Selection,
        steps: list[Step],
        pool: ImagePool,
        scorer: StudentScorer | None,
        used: dict[str, dict[str, str]],
    ) -> list[Path]:
        config = self.folder / CONFIG
        write_atomically(config, self.cfg.pretty_text.encode())
        files: dict[str, str | Path | None] = dict(config=config)
        if self.checkpoint is not None:
            shared = Path(self.teacher_dir or self.out).expanduser()
            files.update(features=shared / FEATURES, names=shared / NAMES)
        records = {} if scorer is None else scorer.records
        told = [
            dict(
                known=step.known,
                budget=step.budget,
                method=step.method,
                student=records.get(step.known),
            )
            for step in steps
        ]
        details = dict(
            config=self.cfg.filename,
            steps=told,
            images=len(pool),
            versions=versions(),
        )
        written = write_selection(
            self.folder,
            selection,
            pool.names,
            self.budgets,
            dict(self._options(), budget=list(self.budgets)),
            {**used, **describe_files(files)},
            details,
        )
        return [config, *written]


def labels_made_with(folder: Path | None) -> dict:
    """Return what decides the content of given depth labels; nothing without any."""
    return {} if folder is None else dict(depth_labels=file_hash(folder / MANIFEST))


@dataclass
class NetworkSelectionResult:
    """Result of `NetworkSelection.run`.

    Attributes:
        folder: Folder of the results.
        written: Files written; empty except on the first rank.
        features: (N, C, h, w), or None without a teacher.
        names: Of all images.
        paths: Files of all images.
        exclude: Rows that could not be picked.
        stopped_at: Number of frames at which a minimum distance ended the selection,
            or None.
        preselected: Number of frames that could still be picked at that end; None: all.
    """

    folder: Path
    written: list[Path]
    features: np.ndarray | None
    names: list[str]
    paths: list[str]
    exclude: np.ndarray
    stopped_at: int | None = None
    preselected: int | None = None
