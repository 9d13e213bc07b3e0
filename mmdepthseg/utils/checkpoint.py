"""Does a checkpoint belong to a model?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import Tensor, nn

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
        checkpoint: with or without the level 'state_dict'. A model that takes other
            layouts too says so by ``adapt_state_dict``.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    entries = checkpoint.get("state_dict", checkpoint)
    if hasattr(model, "adapt_state_dict"):
        entries = model.adapt_state_dict(entries)
    # Batch norm's step counter is absent from old checkpoints and used by nobody.
    ours = {
        name: value
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and not name.endswith("num_batches_tracked")
    }
    theirs = {
        re.sub(r"^module\.", "", name): value
        for name, value in entries.items()
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
