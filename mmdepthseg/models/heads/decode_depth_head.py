"""Any one-channel MMSeg decode head as a one-scale depth head."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmdepthseg.geometry.tensors import full_precision, no_autocast
from mmdepthseg.models.heads.base_depth_head import BaseDepthHead
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import filled_in


class _FullPrecisionConv2d(nn.Conv2d):
    """Convolution that autocast leaves in float32."""

    def forward(self, x: Tensor) -> Tensor:
        with no_autocast(x):
            (x,), bias = full_precision(x), self.bias
            bias = None if bias is None else bias.to(x)
            return self._conv_forward(x, self.weight.to(x), bias)


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
        # depth is the inverse of what it gives, for which half precision is too coarse
        last = getattr(self.decode_head, 'conv_seg', None)
        if type(last) is nn.Conv2d and last.kernel_size == (1, 1):
            sizes = last.in_channels, last.out_channels, 1
            exact = nn.utils.skip_init(_FullPrecisionConv2d, *sizes)
            exact.weight, exact.bias = last.weight, last.bias
            self.decode_head.conv_seg = exact

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features to [disparity (N, 1, h, w)] at the head's own stride."""
        (logits,) = full_precision(self.decode_head(features))
        return [logits.sigmoid()]
