"""Memory format and compilation, as switches of the config."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError, did_you_mean


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def crashing_layers(model: nn.Module) -> list[str]:
    """Convolutions whose backward pass crashes on CPU in the channels-last format.

    torch's CPU kernels end the process for kernel 1, stride 2 and fewer than 8 input
    channels (seen with torch 2.13).
    """
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.in_channels < 8
    ]


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the model's weights in the channels-last memory format.

    The features follow the weights, so nothing else has to change; convolutions run
    faster on CPUs with oneDNN and on GPUs with tensor cores. Values do not change
    beyond rounding.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Convert in place."""
        model = _unwrapped(runner.model)
        on_cpu = all(p.device.type == 'cpu' for p in model.parameters())
        layers = crashing_layers(model) if on_cpu else []
        if layers:
            runner.logger.warning(
                'ChannelsLastHook leaves the model as it is: torch crashes on CPU in '
                f'the backward pass of {", ".join(layers[:3])} (kernel 1, stride 2, '
                'fewer than 8 input channels).'
            )
            return
        model.to(memory_format=torch.channels_last)


@HOOKS.register_module()
class CompileHook(Hook):
    """`torch.compile` parts of the model, in place.

    MMEngine's own `compile=` setting compiles the whole train step with the optimiser
    in it, which current torch versions refuse. `Module.compile` leaves the names in the
    state dict as they are.

    Args:
        modules: Names of sub-modules, such as 'backbone' or 'student.backbone'.
        **options: Those of `torch.compile` (mode, dynamic, backend, ...).
    """

    priority = 'VERY_LOW'

    def __init__(self, modules: Sequence[str] = ('backbone',), **options: Any) -> None:
        self.modules = [modules] if isinstance(modules, str) else list(modules)
        self.options = options

    def before_train(self, runner: Runner) -> None:
        """Compile; the work is done at the first call.

        Raises:
            UserError: The model has no such sub-module.
        """
        model = _unwrapped(runner.model)
        known = dict(model.named_modules())
        for name in self.modules:
            if name not in known:
                raise UserError(
                    f'CompileHook: {type(model).__name__} has no sub-module {name!r}'
                    f'{did_you_mean(name, known)}'
                )
            known[name].compile(**self.options)
