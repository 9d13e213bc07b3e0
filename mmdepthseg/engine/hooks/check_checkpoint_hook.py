"""Refuse a checkpoint that is not this model's."""

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from mmdepthseg.checkpoints.matching import match_checkpoint, unwrapped
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError


@HOOKS.register_module()
class CheckCheckpointHook(Hook):
    """Stop when a checkpoint fills too little of the model.

    MMEngine loads with `strict=False`: a checkpoint of another model loads "fine", with
    a warning in the log, and the evaluation reports the figures of random weights.
    Resuming and testing want every entry of the model; `load_from` at the start of a
    training wants `min_share` of them (a new head is normal there). Entries that only
    the checkpoint has do no harm and are logged. Resuming also wants the optimiser's
    groups of parameters to be those of the checkpoint.

    Args:
        min_share: Least share of the model's parameters and buffers that `load_from`
            must fill, 0..1.
        allow_partial: Let resuming and testing, too, make do with `min_share`.
    """

    # Before hooks that work on the checkpoint.
    priority = 'VERY_HIGH'

    def __init__(self, min_share: float = 0.5, allow_partial: bool = False) -> None:
        if not 0 <= min_share <= 1:
            raise UserError(f'min_share must be in 0..1, got {min_share}')
        self.min_share = min_share
        self.allow_partial = allow_partial

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare before the weights are copied.

        Raises:
            UserError: Naming the first differences, or the groups' numbers.
        """
        match = match_checkpoint(runner.model, checkpoint)
        starts_training = isinstance(
            getattr(runner, '_train_loop', None), BaseLoop
        ) and not getattr(runner, '_resume', False)
        partial = self.allow_partial or starts_training
        needed = self.min_share if partial else 1.0
        name = getattr(runner, '_load_from', None) or 'the checkpoint'
        if match.share < needed:
            model = type(unwrapped(runner.model)).__name__
            raise UserError(
                f'{name} does not belong to this model ({model}): it fills '
                f"{match.share:.0%} of the model's entries, {needed:.0%} needed. "
                f'{match.describe()}. Check that config and checkpoint belong '
                "together, or set CheckCheckpointHook's "
                f'{"min_share" if partial else "allow_partial"}.'
            )
        if match.missing or match.misshapen or match.unexpected:
            runner.logger.warning(
                f"{name} fills {match.share:.0%} of the model's entries: "
                f'{match.describe()}'
            )
        if getattr(runner, '_resume', False):
            _check_groups(name, checkpoint, getattr(runner, 'optim_wrapper', None))


def _check_groups(name: str, checkpoint: dict, wrapper: object) -> None:
    """Compare the optimiser's groups of parameters, which torch loads one by one."""
    saved = checkpoint.get('optimizer') or {}
    if not isinstance(wrapper, OptimWrapper) or 'param_groups' not in saved:
        return
    then, now = (
        [len(group['params']) for group in groups]
        for groups in (saved['param_groups'], wrapper.optimizer.param_groups)
    )
    if then != now:
        raise UserError(
            f'{name} cannot be resumed: its optimiser had {len(then)} groups of '
            f'parameters ({sum(then)} in all), the config makes {len(now)} '
            f'({sum(now)}), so optim_wrapper.paramwise_cfg or .constructor is another '
            "now. Resume with those of then (MMEngine's own: --cfg-options "
            'optim_wrapper.constructor=DefaultOptimWrapperConstructor), or start again '
            'from its weights: load_from'
        )
