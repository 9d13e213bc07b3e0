"""Any one-channel MMSeg decode head as a one-scale depth head."""

from collections.abc import Sequence

from torch import Tensor

from mmdepthseg.geometry.tensors import full_precision
from mmdepthseg.models.heads.base_depth_head import BaseDepthHead
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import filled_in


@MODELS.register_module()
class DecodeDepthHead(BaseDepthHead):
    """Depth head that takes the sigmoid of an MMSeg decode head's single channel.

    Args:
        decode_head: Config of the MMSeg head, without `num_classes`, `out_channels` and
            `threshold`.
        **kwargs: See `BaseDepthHead`.
    """

    def __init__(self, decode_head: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        # In MMSeg, two classes with one output channel mean a single logit.
        single = dict(num_classes=2, out_channels=1, threshold=0.5)
        self.decode_head = MODELS.build(
            filled_in(decode_head, 'DecodeDepthHead: decode_head', **single)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features to [disparity (N, 1, h, w)] at the head's own stride."""
        (logits,) = full_precision(self.decode_head(features))
        return [logits.sigmoid()]
