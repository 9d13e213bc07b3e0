"""A picture of a training, before it is drawn."""

from typing import Literal, NamedTuple

from torch import Tensor


class Panel(NamedTuple):
    """One panel of a row.

    Attributes:
        caption: What it shows.
        kind: 'image': (3, H, W), RGB in [0, 1]; 'labels': (H, W), class indices, 255 =
            void; 'disparity': (H, W), in any unit; 'share': (H, W), in [0, 1].
        data: The values.
    """

    caption: str
    kind: Literal['image', 'labels', 'disparity', 'share']
    data: Tensor
