"""What a training is given that a test kills."""

import os
import signal
from pathlib import Path

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner

from helpers.kills import on_changes


@OPTIM_WRAPPERS.register_module()
class ScaledOptimWrapper(AmpOptimWrapper):
    """Mixed precision with a loss scaler that moves, on the CPU."""

    def __init__(self, **options: object) -> None:
        OptimWrapper.__init__(self, **options)
        self.cast_dtype = torch.bfloat16
        self.loss_scaler = torch.amp.GradScaler(
            'cpu', init_scale=64.0, growth_interval=3
        )
        self._scale_update_param = None


def watch(begun: int, work: Path, moment: str = '', at: int = 0) -> None:
    """Tell when iterations begin, and kill this process at a moment.

    Args:
        begun: Descriptor to which a byte is written.
        work: The work_dir.
        moment: 'writing' (of checkpoints) or 'validation'.
        at: After how many of its steps, from 1.
    """
    call_hook, steps, told = Runner.call_hook, 0, False

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def call(self: Runner, fn_name: str, **arguments: object) -> None:
        nonlocal told
        if fn_name == 'before_train_iter' and not told:
            told = True
            os.write(begun, b'.')
        if moment == 'validation' and '_val' in fn_name:
            step()
        call_hook(self, fn_name, **arguments)

    Runner.call_hook = call
    if moment == 'writing':
        names = ('iter_', 'last_')
        on_changes(work, lambda path, _: Path(path).name.startswith(names) and step())
