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

    MMEngine's `AmpOptimWrapper` asserts that there is a GPU, and always keeps a
    gradient scaler, which bfloat16 (the exponent range of float32) does not need.
    Weights, gradients and optimiser state stay float32, so checkpoints are the same as
    without it, and clipping and accumulation are the parent's.

    Args:
        **kwargs: Those of `OptimWrapper` (optimizer, accumulative_counts, clip_grad).
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast to bfloat16, inside the parent's accumulation context."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
