"""One optimiser step from several backward passes."""

from collections.abc import Iterator
from typing import Any

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
        optim_wrapper: MMEngine's optimiser wrapper, of any precision, with its own
            backward pass (see `whole_step_needs`).

    Returns:
        All losses and their sum `loss`, for the log.
    """
    with optim_wrapper.optim_context(model):
        data = model.data_preprocessor(data, True)
    groups = model.loss_groups(**data)
    logged: dict[str, Tensor] = {}
    total: Any = 0
    while True:
        with optim_wrapper.optim_context(model):
            losses = next(groups, None)
        if losses is None:
            break
        loss, parts = model.parse_losses(losses)
        _backward(optim_wrapper, loss)
        total = total + loss.detach()
        logged.update({name: value.detach() for name, value in parts.items()})
    if optim_wrapper.should_sync():
        all_reduce_params(list(_gradients(model)), bucket_size_mb=BUCKET_MB, op='mean')
    # All gradients are complete. A loss without a graph makes the wrapper count the
    # step and take it when it is due, in its own way.
    optim_wrapper.update_params(torch.zeros_like(total, requires_grad=True))
    return {**logged, 'loss': total}


def whole_step_needs(
    model: BaseModel, base: type[BaseModel], optim_wrapper: OptimWrapper
) -> list[str]:
    """List what has a say in a step of `BaseModel.train_step`, but not in one of ours.

    Args:
        model: With `loss_groups`.
        base: Its class here; what a subclass changes counts.
        optim_wrapper: MMEngine's.
    """
    kind, usual = type(optim_wrapper), (OptimWrapper, AmpOptimWrapper)
    needs = [
        f"{kind.__name__}'s own {name}"
        for name in ('backward', 'update_params')
        if getattr(kind, name, None) not in [getattr(known, name) for known in usual]
    ]
    needs += [
        f"{type(model).__name__}'s own {name}"
        for name in ('_run_forward', 'forward', 'loss', 'parse_losses')
        if getattr(type(model), name) is not getattr(base, name)
    ]
    # MMEngine's Runner replaces train_step, its FlexibleRunner train_step or forward
    replaced = vars(model).keys() & {'forward', 'loss', 'train_step'}
    needs += [f'{name}, replaced as by compile,' for name in sorted(replaced)]
    if model._forward_hooks or model._forward_pre_hooks:
        needs.append('a forward hook of the whole model')
    return needs


def _backward(optim_wrapper: OptimWrapper, loss: Tensor) -> None:
    """Add a loss's gradients, without counting a step."""
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
                'SplitBackwardDDP is for a MeanTeacher without split_backward=False, '
                f'and this {type(module).__name__} is not one: use '
                'MMDistributedDataParallel'
            )
        super().__init__(module=module, broadcast_buffers=False, **kwargs)

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Run the model's step in parts.

        DDP's reducer, which it never starts, stays idle.

        Raises:
            UserError: Something needs the whole step.
        """
        needs = self.module.whole_step_needs(optim_wrapper)
        if needs:
            raise UserError(
                f'SplitBackwardDDP: {needs[0]} needs the whole step: use '
                'MMDistributedDataParallel'
            )
        return split_train_step(self.module, data, optim_wrapper)
