"""Memory format of an optimiser's state."""

import torch
from torch import Tensor
from torch.optim import Optimizer


def lay_out_state(optimizer: Optimizer) -> None:
    """Give averages of gradients the memory format of their parameters (in place).

    A loaded state has the format in which it was saved, and the parameters may have
    another now: `ChannelsLastHook` was added or left out, or a run of a GPU goes on on
    a CPU. A fused optimiser goes through both memories side by side and would give each
    weight the average of another (seen with torch 2.13 on a CPU).

    Args:
        optimizer: With its state loaded.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if (
                isinstance(value, Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[name] = torch.empty_like(
                    parameter, dtype=value.dtype, device=value.device
                ).copy_(value)
