"""Hook that switches the weights to the channels-last memory format."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.registry import HOOKS


def crashing_layers(model: nn.Module) -> list[str]:
    """List the convolutions whose channels-last backward pass crashes on CPU.

    The CPU kernels of torch (seen with 2.13) terminate the process for kernel size 1,
    stride 2 and fewer than 8 input channels. Any stride above 1 counts here.

    Returns:
        Names of the layers in the model.
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
    """Convert the model's weights to the channels-last memory format.

    The features take over the memory format of the weights, so nothing else has to
    change. Convolutions run faster on CPUs with oneDNN (a training step of this package
    takes about a tenth less time) and on GPUs with tensor cores. Values change only by
    rounding.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Convert the weights in place."""
        self._convert(runner, warn=True)

    def before_train(self, runner: Runner) -> None:
        """Convert networks that were built since, such as a `FrozenEncoder`'s."""
        self._convert(runner)

    def _convert(self, runner: Runner, warn: bool = False) -> None:
        model = unwrapped(runner.model)
        on_cpu = all(p.device.type == 'cpu' for p in model.parameters())
        layers = crashing_layers(model) if on_cpu else []
        if layers and warn:
            runner.logger.warning(
                'ChannelsLastHook leaves the model unchanged: on CPU torch crashes in '
                f'the backward pass of {", ".join(layers[:3])} (kernel size 1, '
                'stride above 1, fewer than 8 input channels).'
            )
        if not layers:
            model.to(memory_format=torch.channels_last)
