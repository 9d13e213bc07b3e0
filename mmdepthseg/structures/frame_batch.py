"""The batch that the data preprocessor passes to the segmentor."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass
class FrameBatch:
    """A batch of target frames with the other parts of its samples.

    Images are RGB float. "Raw" images are in [0, 1], neither normalised nor colour
    jittered; N is the batch size, F the number of neighbours per sample.

    Attributes:
        img: Input of the networks, normalised, (N, 3, h, w).
        adjacent: Neighbouring frames, normalised, (N, F, 3, h, w), or None.
        img_raw: (N, 3, H, W), or None; h, w = H, W unless the data preprocessor has
            an `input_scale`.
        adjacent_raw: (N, F, 3, H, W), or None.
        cam2img: K in pixels of the frames (H, W), (N, 3, 3) float32, or None.

    Raises:
        ValueError: The parts have different batch sizes.
    """

    img: Tensor
    adjacent: Tensor | None = None
    img_raw: Tensor | None = None
    adjacent_raw: Tensor | None = None
    cam2img: Tensor | None = None

    def __post_init__(self) -> None:
        """Check that all parts have the same number of samples."""
        sizes = {name: len(part) for name, part in self._parts()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f'The parts of a FrameBatch differ in length: {sizes}')

    @classmethod
    def of(cls, inputs: 'FrameBatch | Tensor') -> 'FrameBatch':
        """Return `inputs` as a batch; a tensor is normalised images (N, 3, H, W)."""
        return inputs if isinstance(inputs, FrameBatch) else cls(img=inputs)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.img)

    def require(self, name: str) -> Tensor:
        """Return a part; raise a ValueError if the batch has none."""
        if (part := getattr(self, name)) is None:
            raise ValueError(f'The batch has no {name}')
        return part

    def _parts(self) -> list[tuple[str, Tensor]]:
        parts = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [(name, part) for name, part in parts if part is not None]

    def select(self, indices: Sequence[int]) -> 'FrameBatch':
        """Return a batch of the samples at some positions, in their order."""
        # made here and sent: made there, a GPU would have to finish all else first
        chosen = torch.tensor([*indices], dtype=torch.long)
        chosen = chosen.to(self.img.device, non_blocking=True)
        return FrameBatch(**{name: part[chosen] for name, part in self._parts()})
