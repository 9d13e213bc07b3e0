"""One optimiser step from several backward passes."""

from collections.abc import Iterator

import torch
from mmengine.dist import all_reduce_params
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from mmdepthseg.registry import MODEL_WRAPPERS
from mmdepthseg.utils.errors import UserError

# gradients are averaged over ranks in pieces of this size
BUCKET_MB = 25


def split_train_step(
    model: BaseModel, data: dict, optim_wrapper: OptimWrapper
) -> dict[str, Tensor]:
    """Run a training step with one backward pass per group of losses.

    The gradient of a sum is the sum of the gradients: the result is that of
    `BaseModel.train_step` up to rounding, but only one group's activations are kept at
    a time. Clipping, loss scaling and gradient accumulation act on the sum, as usual.

    Args:
        model: With `loss_groups(inputs, data_samples)`, an iterator over dictionaries
            of losses that runs the networks as it goes.
        data: A batch of the data loader.
        optim_wrapper: MMEngine's optimiser wrapper, of any precision.

    Returns:
        All losses and their sum `loss`, for the log.

    Raises:
        UserError: The optimiser wrapper has a backward pass of its own.
    """
    with optim_wrapper.optim_context(model):
        data = model.data_preprocessor(data, True)
    groups = model.loss_groups(**data)
    logged: dict[str, Tensor] = {}
    total = torch.zeros(())
    while True:
        with optim_wrapper.optim_context(model):
            losses = next(groups, None)
        if losses is None:
            break
        loss, parts = model.parse_losses(losses)
        _backward(optim_wrapper, loss)
        total = total.to(loss) + loss.detach()
        logged.update({name: value.detach() for name, value in parts.items()})
    if optim_wrapper.should_sync():
        all_reduce_params(list(_gradients(model)), bucket_size_mb=BUCKET_MB, op='mean')
    # All gradients are complete. A loss without a graph makes the wrapper count the
    # step and take it when it is due, in its own way.
    optim_wrapper.update_params(torch.zeros_like(total, requires_grad=True))
    return {**logged, 'loss': total}


def has_usual_backward(optim_wrapper: OptimWrapper) -> bool:
    """Tell whether a wrapper's backward pass is that of MMEngine, and so known here."""
    backward = getattr(type(optim_wrapper), 'backward', None)
    return backward in (OptimWrapper.backward, AmpOptimWrapper.backward)


def _backward(optim_wrapper: OptimWrapper, loss: Tensor) -> None:
    """Add a loss's gradients, without counting a step."""
    if not has_usual_backward(optim_wrapper):
        raise UserError(
            'split_backward works with OptimWrapper, AmpOptimWrapper and '
            f'BFloat16OptimWrapper, not with {type(optim_wrapper).__name__}, which has '
            'its own backward pass: choose one of them or set split_backward=False'
        )
    loss = optim_wrapper.scale_loss(loss)
    if isinstance(optim_wrapper, AmpOptimWrapper):
        loss = optim_wrapper.loss_scaler.scale(loss)
    loss.backward()


def _gradients(model: BaseModel) -> Iterator[Tensor]:
    for parameter in model.parameters():
        if parameter.grad is not None:
            yield parameter.grad


@MODEL_WRAPPERS.register_module()
class SplitBackwardDDP(MMDistributedDataParallel):
    """Model wrapper for one backward pass per group of losses on several ranks.

    MMEngine's `MMDistributedDataParallel` never calls the model's own `train_step`, and
    its gradient buckets expect one backward pass through all parameters. Here the model
    takes its own step, which averages the gradients over the ranks once, after the last
    backward pass (no overlap of the two). Config::

        model_wrapper_cfg = dict(type='mmdepthseg.SplitBackwardDDP')

    Args:
        module: The model.
        broadcast_buffers: Must be False, as in MMEngine's default; batch norm
            statistics are averaged by `update_teacher` and `SyncBuffersHook`.
        **kwargs: See `torch.nn.parallel.DistributedDataParallel`.
    """

    def __init__(
        self, module: BaseModel, broadcast_buffers: bool = False, **kwargs
    ) -> None:
        if broadcast_buffers:
            raise UserError(
                'SplitBackwardDDP: broadcast_buffers must be False; '
                'SyncBuffersHook keeps buffers equal'
            )
        if getattr(module, 'split_backward', False) is False:
            raise UserError(
                'SplitBackwardDDP is for models with split_backward=True, and this '
                f'{type(module).__name__} is not one: use MMDistributedDataParallel or '
                'set split_backward=True'
            )
        super().__init__(module=module, broadcast_buffers=False, **kwargs)

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Run the model's step in parts.

        DDP's reducer, which it never starts, stays idle.
        """
        return split_train_step(self.module, data, optim_wrapper)
