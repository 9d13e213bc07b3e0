"""Hook that stops training at losses, or lasting gradients, that are not finite."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.engine.runs import accumulated
from mmdepthseg.names import sample_name
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError, listed

_SHOWN = 8
#: Steps that AMP may skip in a row; from its usual scale it finds a fitting one sooner.
_SKIPPED = 50
#: No finite gradients need a smaller scale.
_LEAST_SCALE = 1e-6


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stop training when a loss is NaN or infinite, and name the loss and the images.

    Neither MMEngine nor MMSegmentation has such a hook, and MMDetection's
    `CheckInvalidLossHook` names neither the loss nor the images. This hook runs before
    the checkpoint hook, so with `interval=1` no checkpoint contains the damaged
    weights.

    With float16 (AMP) gradients may be NaN or infinite though the loss is finite. The
    loss scaler skips such steps, a few at the start of each training; if it skips all,
    nothing is learned and nothing else tells. So 50 in a row stop the training, too.
    A fused optimiser skips on the device, where they cannot be counted: there the
    scale, which halves each time, is read every 50 iterations.

    Args:
        interval: Number of iterations from one check to the next. Each check waits for
            the device, but the logging of the losses does so anyway.

    Raises:
        UserError: `interval` is less than 1.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1) -> None:
        if interval < 1:
            raise UserError(f'interval must be at least 1, got {interval}')
        self.interval = interval
        self._since_step = 0
        self._watch: Any = None

    def before_train(self, runner: Runner) -> None:
        """Watch the steps of an optimiser with a loss scaler."""
        self.after_train(runner)
        wrapper: Any = getattr(runner, 'optim_wrapper', None)
        if hasattr(wrapper, 'loss_scaler'):
            self._watch = wrapper.optimizer.register_step_post_hook(self._on_step)

    def after_train(self, runner: Runner) -> None:
        """Watch no longer."""
        self._since_step = 0
        if self._watch is not None:
            self._watch.remove()
            self._watch = None

    def _on_step(self, *_) -> None:
        self._since_step = 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the total loss, and its terms only if the total is not finite.

        Raises:
            UserError: The total loss is not finite, or all gradients since long.
        """
        if self._watch is not None:
            self._since_step += 1
            self._check_steps(runner)
        outputs = outputs or {}
        total = outputs.get('loss')
        if not self.every_n_train_iters(runner, self.interval) or total is None:
            return
        if bool(torch.isfinite(torch.as_tensor(total)).all()):
            return
        terms = [
            f'{name} = {float(torch.as_tensor(value).detach().float().mean()):g}'
            for name, value in outputs.items()
            if 'loss' in name and not bool(torch.isfinite(torch.as_tensor(value)).all())
        ]
        images = list(dict.fromkeys(image_names(data_batch)))
        named = listed(images, _SHOWN) or '(without names)'
        raise UserError(
            f'iteration {runner.iter + 1}: {", ".join(terms)}. Images in the batch: '
            f'{named}. Lower the learning rate, clip gradients '
            '(optim_wrapper.clip_grad), or look at these images; the last checkpoint '
            f'in {runner.work_dir} was written before this iteration.'
        )

    def _check_steps(self, runner: Runner) -> None:
        wrapper = runner.optim_wrapper
        taken = self._since_step <= _SKIPPED * accumulated(runner)
        if taken and self.every_n_train_iters(runner, _SKIPPED):
            taken = wrapper.loss_scaler.get_scale() >= _LEAST_SCALE
        if not taken:
            raise UserError(
                f'iteration {runner.iter + 1}: the loss is finite, but its gradients '
                f'have not been for {_SKIPPED} steps, which float16 (AMP) therefore '
                'skipped: nothing is learned. Train without --amp, with bfloat16 '
                "(optim_wrapper.dtype='bfloat16'), or look for a loss whose gradient "
                'is NaN'
            )


def image_names(batch: Any) -> Iterator[str]:
    """Yield the name (`img_id`, else `img_path`) of each sample in a data batch."""
    if hasattr(batch, 'metainfo'):
        if name := sample_name(batch, unnamed=''):
            yield name
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from image_names(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            yield from image_names(value)
