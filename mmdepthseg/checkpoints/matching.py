"""Tell whether a checkpoint belongs to a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import Tensor, nn

from mmdepthseg.utils.errors import listed

SHOWN = 4
#: The layers of MMSegmentation's heads with one output per class.
CLASSIFIER = re.compile(r'\b(conv_seg|cls_embed)\.weight')


@dataclass(frozen=True)
class CheckpointMatch:
    """Result of comparing the entries of a checkpoint with a model's.

    Attributes:
        matched: Names that both have, with equal shapes.
        missing: Names that only the model has.
        unexpected: Names that only the checkpoint has.
        misshapen: Name -> (shape in the model, shape in the checkpoint).
    """

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    misshapen: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def share(self) -> float:
        """Return the share of the model's entries that the checkpoint fills, 0..1."""
        total = len(self.matched) + len(self.missing) + len(self.misshapen)
        return len(self.matched) / total if total else 1.0

    @property
    def fills_classifier(self) -> bool:
        """Tell whether the outputs of classes come from the checkpoint."""
        return any(map(CLASSIFIER.search, self.matched))

    @property
    def fills_encoder(self) -> bool:
        """Tell whether what sees the images comes from the checkpoint."""
        return any('backbone' in name.split('.') for name in self.matched)

    @property
    def absent_blocks(self) -> list[str]:
        """Return the numbered parts that only the model has, beside others that fit.

        A network of the same kind, but with fewer blocks, fills the first ones: of a
        ResNet-101 a ResNet-50's file leaves out `layer3.6` to `layer3.22`.
        """
        filled = {block for name in self.matched for block in _blocks(name)}
        lists = {block.rpartition('.')[0] for block in filled}
        blocks = (_blocks(name)[:1] for name in self.missing)
        empty = dict.fromkeys(block for found in blocks for block in found)
        return [
            block
            for block in empty
            if block not in filled and block.rpartition('.')[0] in lists
        ]

    def differences(self, shown: int = SHOWN) -> list[str]:
        """Describe each kind of difference by its first entries.

        Args:
            shown: How many of a kind.
        """
        shapes = [
            f'{name} {ours} != {theirs}'
            for name, (ours, theirs) in self.misshapen.items()
        ]
        kinds = {
            'other shape (model != checkpoint)': shapes,
            'not in the checkpoint': self.missing,
            'not in the model': self.unexpected,
        }
        return [
            f'{what}: {listed(names, shown)}' for what, names in kinds.items() if names
        ]

    def describe(self) -> str:
        """Return the first few differences, in words."""
        return '; '.join(self.differences())


def unwrapped(model: nn.Module) -> Any:
    """Return the model inside wrappers such as DDP and test-time augmentation."""
    inner: Any = model  # attributes of a module are a Tensor or Module to type checkers
    while is_model_wrapper(inner) or isinstance(inner, BaseTTAModel):
        inner = inner.module
    return inner


def match_checkpoint(model: nn.Module, checkpoint: Mapping) -> CheckpointMatch:
    """Compare a checkpoint's entries with a model's, by name and shape.

    Args:
        model: Possibly wrapped (DDP, test-time augmentation).
        checkpoint: With or without the level 'state_dict'. A model that also accepts
            other layouts has a method `adapt_state_dict`.
    """
    inner = unwrapped(model)
    entries = adapted_entries(inner, checkpoint.get('state_dict', checkpoint))
    ours, theirs = _tensors(inner.state_dict()), _tensors(entries)
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


def adapted_entries(model: Any, entries: Mapping) -> Mapping:
    """Return entries in the layout of a model, if it accepts others, too."""
    adapt = getattr(model, 'adapt_state_dict', None)
    return entries if adapt is None else adapt(entries)


def _blocks(name: str) -> list[str]:
    """Return the numbered parts in which an entry lies, the innermost first."""
    parts = name.split('.')[:-1]
    return [
        '.'.join(parts[: place + 1])
        for place in reversed(range(1, len(parts)))
        if parts[place].isdigit()
    ]


def _tensors(entries: Mapping) -> dict[str, Tensor]:
    """Return the tensors that count; batch norm's step counter is never used."""
    return {
        re.sub(r'^module\.', '', name): value
        for name, value in entries.items()
        if isinstance(value, Tensor) and not name.endswith('num_batches_tracked')
    }
