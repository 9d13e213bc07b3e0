"""Refuse a checkpoint that is not this model's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from torch import Tensor, nn

from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError

_SHOWN = 4


@dataclass(frozen=True)
class CheckpointMatch:
    """How the entries of a checkpoint fit a model's.

    Attributes:
        matched: names that both have, with equal shapes.
        missing: names that only the model has.
        unexpected: names that only the checkpoint has.
        misshapen: name -> (shape in the model, shape in the checkpoint).
    """

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    misshapen: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def share(self) -> float:
        """Share of the model's entries that the checkpoint fills, 0..1."""
        total = len(self.matched) + len(self.missing) + len(self.misshapen)
        return len(self.matched) / total if total else 1.0

    def describe(self) -> str:
        """The first few differences, in words."""
        parts = []
        if self.misshapen:
            entries = self.misshapen.items()
            shapes = [f"{name} {ours} != {theirs}" for name, (ours, theirs) in entries]
            parts.append(f"other shape (model != checkpoint): {_listed(shapes)}")
        if self.missing:
            parts.append(f"not in the checkpoint: {_listed(self.missing)}")
        if self.unexpected:
            parts.append(f"not in the model: {_listed(self.unexpected)}")
        return "; ".join(parts)


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def match_checkpoint(model: nn.Module, checkpoint: Mapping) -> CheckpointMatch:
    """Compare a checkpoint's entries with a model's, by name and shape.

    Args:
        model: possibly wrapped (DDP, test-time augmentation).
        checkpoint: with or without the level 'state_dict'.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    # Batch norm's step counter is absent from old checkpoints and used by nobody.
    ours = {
        name: value
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and not name.endswith("num_batches_tracked")
    }
    theirs = {
        re.sub(r"^module\.", "", name): value
        for name, value in checkpoint.get("state_dict", checkpoint).items()
        if isinstance(value, Tensor) and not name.endswith("num_batches_tracked")
    }
    both = [name for name in ours if name in theirs]
    misshapen = {
        name: (tuple(ours[name].shape), tuple(theirs[name].shape))
        for name in both
        if ours[name].shape != theirs[name].shape
    }
    return CheckpointMatch(
        matched=[name for name in both if name not in misshapen],
        missing=[name for name in ours if name not in theirs],
        unexpected=[name for name in theirs if name not in ours],
        misshapen=misshapen,
    )


@HOOKS.register_module()
class CheckCheckpointHook(Hook):
    """Stop when a checkpoint fills too little of the model.

    MMEngine loads with `strict=False`: a checkpoint of another model loads "fine", with
    a warning in the log, and the evaluation reports the figures of random weights.
    Resuming and testing want every entry of the model; `load_from` at the start of a
    training wants `min_share` of them (a new head is normal there). Entries that only
    the checkpoint has do no harm and are logged.

    Args:
        min_share: least share of the model's parameters and buffers that `load_from`
            must fill, 0..1.
        allow_partial: let resuming and testing, too, make do with `min_share`.
    """

    # Before hooks that work on the checkpoint.
    priority = "VERY_HIGH"

    def __init__(self, min_share: float = 0.5, allow_partial: bool = False) -> None:
        if not 0 <= min_share <= 1:
            raise ValueError(f"min_share must be in 0..1, got {min_share}")
        self.min_share = min_share
        self.allow_partial = allow_partial

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare before the weights are copied.

        Raises:
            UserError: naming the first differences.
        """
        match = match_checkpoint(runner.model, checkpoint)
        starts_training = isinstance(
            getattr(runner, "_train_loop", None), BaseLoop
        ) and not getattr(runner, "_resume", False)
        partial = self.allow_partial or starts_training
        needed = self.min_share if partial else 1.0
        name = getattr(runner, "_load_from", None) or "the checkpoint"
        if match.share < needed:
            model = type(runner.model).__name__
            if is_model_wrapper(runner.model):
                model = type(runner.model.module).__name__
            raise UserError(
                f"{name} does not belong to this model ({model}): it fills "
                f"{match.share:.0%} of the model's entries, {needed:.0%} needed. "
                f"{match.describe()}. Check that config and checkpoint belong "
                "together, or set CheckCheckpointHook's "
                f"{'min_share' if partial else 'allow_partial'}."
            )
        if match.missing or match.misshapen or match.unexpected:
            runner.logger.warning(
                f"{name} fills {match.share:.0%} of the model's entries: "
                f"{match.describe()}"
            )
