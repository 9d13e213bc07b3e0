"""SIGTERM and Ctrl-C: a checkpoint at the next step, then a quiet end."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdepthseg.engine.hooks.random_state_hook import RandomStateHook
from mmdepthseg.engine.runs import accumulated, built_loop
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import Stopped

SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Of a process that a signal has ended, as shells count.
EXIT_CODE = 128


class _Noted:
    """The signal that this process has got; whether its training ends, for workers."""

    number = 0
    ends: Any = None


_noted = _Noted()


@contextlib.contextmanager
def noted_signals() -> Iterator[None]:
    """Note SIGTERM and SIGINT instead of ending; the second one ends at once.

    Children of the process that it forks meanwhile ignore SIGINT, which a terminal
    sends to all: loader workers are needed until the step is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can signals be handled
        return
    owner = os.getpid()

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            return
        if _noted.number:
            raise SystemExit(EXIT_CODE + number)
        _noted.number = number
        name = signal.Signals(number).name
        os.write(
            2,
            f'\n{name}: the training ends after this step, with a checkpoint '
            '(once more: at once)\n'.encode(),
        )

    _noted.ends = multiprocessing.RawValue('b', 0)
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield
    finally:
        _noted.ends.value, _noted.ends = 1, None
        _noted.number = 0
        for number, handler in before.items():
            signal.signal(number, handler)


@HOOKS.register_module()
class StopSignalHook(Hook):
    """End a training that has got a signal, with a checkpoint from which it goes on.

    Loader workers, which a terminal or a cluster tells as well, go on until then.
    All ranks end after the same step, also if only one has got the signal. In a
    validation (of one process) the training ends at once; the resumed one makes it
    again. Loops by epochs cannot go on within one, so there no checkpoint is written.
    With `accumulative_counts` it ends after the next step of the optimiser, because a
    checkpoint has no gradients.

    Signals are noted within `noted_signals`, which the tools' Runner is.

    Raises:
        Stopped: With exit code 143 (SIGTERM) or 130 (SIGINT).
    """

    # after CheckpointHook, which may have saved this step
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Keep the workers of loaders, which are not started yet, from ending."""
        for loop in (runner.train_loop, runner.val_loop):
            loader = getattr(loop, 'dataloader', None)
            if isinstance(loader, DataLoader) and _noted.ends is not None:
                loader.worker_init_fn = partial(
                    _begin_worker, loader.worker_init_fn, _noted.ends
                )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Save and end, if any rank has got a signal."""
        number = _noted.number
        if get_world_size() > 1:
            told = torch.tensor(number)
            all_reduce(told, 'max')
            number = int(told)
        step = runner.iter + 1
        if number and (step >= runner.max_iters or not step % accumulated(runner)):
            self._stop(runner, step, number)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Do so in a validation of a training, if it is one process."""
        training = built_loop(runner, 'train') is not None
        if _noted.number and training and get_world_size() == 1:
            self._stop(runner, runner.iter, _noted.number)

    def _stop(self, runner: Runner, step: int, number: int) -> None:
        saved = ''
        for hook in runner.hooks:
            if isinstance(hook, RandomStateHook):
                hook.gather(runner)
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and not hook.by_epoch and step:
                last = str(runner.message_hub.runtime_info.get('last_ckpt', ''))
                if os.path.basename(last) != hook.filename_tmpl.format(step):
                    meta = dict(epoch=runner.epoch, iter=step)
                    hook._save_checkpoint_with_step(runner, step, meta)
                saved = ', saved'
                break
        if is_main_process():
            runner.logger.info(
                f'{signal.Signals(number).name}: ended after iteration {step}{saved}; '
                '--resume goes on'
            )
        raise Stopped(EXIT_CODE + number)


def _begin_worker(then: Callable[[int], object] | None, ends: Any, number: int) -> None:
    """Let a loader worker outlive SIGTERM until the training ends.

    Then it must not: an interpreter that ends waits for those that it has told.
    """

    def end(signal_number: int, frame: FrameType | None) -> None:
        if ends.value:
            os._exit(0)  # as torch's handler does; another code would be an error

    signal.signal(signal.SIGTERM, end)
    if then is not None:
        then(number)
