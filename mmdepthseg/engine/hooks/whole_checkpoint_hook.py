"""Checkpoints that a kill at any moment leaves whole."""

import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mmengine.hooks
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdepthseg.checkpoints.latest import POINTER, newest_whole
from mmdepthseg.engine.runs import all_schedulers, built_loop
from mmdepthseg.utils.files import read_text, remove_leftovers, write_atomically
from mmdepthseg.utils.ranks import from_main

BACKEND = 'mmdepthseg.whole'
#: Position of the last validation that was made, beside `POINTER` and in checkpoints.
VALIDATED = 'last_validation'


class WholeFileBackend(LocalBackend):
    """MMEngine's backend of local files, which it writes over the old ones."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file so that it exists whole or not at all, even if power fails."""
        write_atomically(filepath, obj, durable=True)


class _RemovesLater(WholeFileBackend):
    """Backend that only notes what is to be removed."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def remove(self, filepath: str | Path) -> None:
        self.paths.append(str(filepath))

    rmtree = remove


register_backend(BACKEND, WholeFileBackend, force=True)


class WholeCheckpointHook(mmengine.hooks.CheckpointHook):
    """MMEngine's `CheckpointHook` for runs that may be killed at any moment.

    The original removes old checkpoints before it writes the new one, in place; a kill
    in between leaves none. Here

    - files are written beside their place, flushed and renamed (on local disks), and
      old ones are removed only afterwards;
    - a resumed run without a file starts from the newest whole checkpoint;
    - a validation that was due at that checkpoint, but not finished, is made first;
    - only files in the folder of the checkpoints are removed, whatever a resumed
      checkpoint says.
    """

    # Of MMEngine's class.
    file_backend: Any
    best_ckpt_path: str | None
    keep_ckpt_ids: deque[int]

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint to resume, unless the user has.

        All ranks take what the first one has found: the folder may look older, or be
        another, on other machines.
        """
        super().before_run(runner)
        if runner._resume and runner._load_from is None:
            runner._load_from = newest_whole(runner.work_dir, self.out_dir)
            runner._resume = runner._load_from is not None
        choice = runner._resume, runner._load_from
        runner._resume, runner._load_from = from_main(lambda: choice)

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; take over what a resumed run has left."""
        hub = runner.message_hub
        ids = hub.runtime_info.get('keep_ckpt_ids', [])
        if 'keep_ckpt_ids' in hub.runtime_info:  # they become names of files to remove
            hub.update_info('keep_ckpt_ids', [i for i in ids if type(i) is int])
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend and self.file_client_args is None:
            self.backend_args = dict(backend=BACKEND)
            self.file_backend = get_file_backend(
                self.out_dir, backend_args=self.backend_args
            )
        if self.save_best is not None:
            self._find_best(runner)
        if is_main_process():
            remove_leftovers(runner.work_dir)
        due = self._resume_position(runner)
        if due is None or hub.runtime_info.get(VALIDATED) == due:
            return  # its results are in the checkpoint
        if from_main(lambda: self._is_missing(runner, due)):
            runner.logger.info(
                f'The validation at {due} was due when the run ended: it is made now.'
            )
            runner.val_loop.run()
            return
        # made after the checkpoint was written: it averaged the ranks' statistics
        for hook in runner.hooks:
            if isinstance(hook, mmengine.hooks.SyncBuffersHook):
                hook.before_val_epoch(runner)

    def _find_best(self, runner: Runner) -> None:
        """Look for the best checkpoints in this folder, which may have been moved."""

        def here(path: Any) -> str | None:
            name = os.path.basename(str(path or ''))
            return (
                os.path.join(self.out_dir, name) if name.startswith('best_') else None
            )

        if len(self.key_indicators) == 1:
            self.best_ckpt_path = here(self.best_ckpt_path)
        else:
            for key, path in self.best_ckpt_path_dict.items():
                self.best_ckpt_path_dict[key] = here(path)

    def _resume_position(self, runner: Runner) -> int | None:
        """Return where a run is resumed, if a validation was due; else None."""
        loop = runner.train_loop
        epochs = isinstance(loop, EpochBasedTrainLoop)
        at, end = (
            (loop.epoch, loop.max_epochs) if epochs else (loop.iter, loop.max_iters)
        )
        if not getattr(runner, '_resume', False) or not at:
            if is_main_process():
                Path(runner.work_dir, VALIDATED).unlink(missing_ok=True)
            return None
        own = Path(self.out_dir, self.filename_tmpl.format(at))
        if os.path.abspath(own) == os.path.abspath(runner._load_from or ''):
            self.last_ckpt = str(own)  # written again if the validation finds a best
            if is_main_process():
                self._point(runner)
        if not hasattr(loop, 'val_interval') or runner.val_loop is None:
            return None
        loop._decide_current_val_interval()
        due = at >= loop.val_begin and (at % loop.val_interval == 0 or at == end)
        return at if due else None

    def _is_missing(self, runner: Runner, position: int) -> bool:
        """Tell whether the validation at a position has not been made."""
        file = Path(runner.work_dir, VALIDATED)
        made = read_text(file, tolerant=True) if file.is_file() else ''
        # this kind goes on from the figures, which the checkpoint does not have
        plateau = any(
            isinstance(one, ReduceOnPlateauParamScheduler)
            for one in all_schedulers(runner.param_schedulers)
        )
        if made == str(position) and not plateau:
            return False
        file.unlink(missing_ok=True)
        return True

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint, then note that the validation was made."""
        loop = built_loop(runner, 'train')
        if loop is None:
            super().after_val_epoch(runner, metrics)
            return
        at = runner.epoch if isinstance(loop, EpochBasedTrainLoop) else runner.iter
        runner.message_hub.update_info(VALIDATED, at)
        super().after_val_epoch(runner, metrics)
        if is_main_process():
            write_atomically(Path(runner.work_dir, VALIDATED), str(at).encode())

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Do what the original does, but remove outdated checkpoints at the end."""
        outdated: list[int] = []
        if self.max_keep_ckpts > 0 and [*self.keep_ckpt_ids][-1:] != [step]:
            ids = [*self.keep_ckpt_ids, step]
            outdated = ids[: -self.max_keep_ckpts]
            # with the outdated ones: after a kill, a resumed run removes them
            runner.message_hub.update_info('keep_ckpt_ids', ids)
            self.keep_ckpt_ids = deque(ids, self.max_keep_ckpts)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            self._point(runner)
            self._remove(
                self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(i))
                for i in outdated
            )

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Do what the original does, but remove the old best at the end."""
        if not isinstance(self.file_backend, WholeFileBackend):
            super()._save_best_checkpoint(runner, metrics)
            return
        backend, self.file_backend = self.file_backend, _RemovesLater()
        try:
            super()._save_best_checkpoint(runner, metrics)
            old = self.file_backend.paths
        finally:
            self.file_backend = backend
        if not self.save_best:
            return
        if len(self.key_indicators) == 1:
            kept = {self.best_ckpt_path}
        else:
            kept = {*self.best_ckpt_path_dict.values()}
        self._remove(path for path in old if path not in kept)

    def _point(self, runner: Runner) -> None:
        """Write which checkpoint is the last one."""
        pointer = Path(runner.work_dir, POINTER)
        write_atomically(pointer, str(self.last_ckpt).encode(), durable=True)

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):  # of deepspeed
                self.file_backend.rmtree(path)
