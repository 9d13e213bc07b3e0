"""Hook that stops training at the first loss that is not finite."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.names import sample_name
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError, listed

_SHOWN = 8


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stop training when a loss is NaN or infinite, and name the loss and the images.

    Neither MMEngine nor MMSegmentation has such a hook, and MMDetection's
    `CheckInvalidLossHook` names neither the loss nor the images. This hook runs before
    the checkpoint hook, so with `interval=1` no checkpoint contains the damaged
    weights.

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

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the total loss, and its terms only if the total is not finite.

        Raises:
            UserError: The total loss is not finite.
        """
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
