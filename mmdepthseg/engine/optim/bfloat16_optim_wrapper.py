"""Mixed precision without loss scaling, on any device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from torch import nn

from mmdepthseg.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """`OptimWrapper` whose forward pass runs under bfloat16 autocast.

    MMEngine's `AmpOptimWrapper` asserts that a GPU is present and always uses a
    gradient scaler, which bfloat16 does not need because it has the exponent range of
    float32. Weights, gradients and optimiser state remain float32, so checkpoints are
    the same as without this wrapper. Clipping and accumulation are inherited.

    Args:
        **kwargs: Passed to `OptimWrapper` (optimizer, accumulative_counts, clip_grad).
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast to bfloat16 within the parent's accumulation context."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
