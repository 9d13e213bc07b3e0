"""Segmentation logits of any of MMSegmentation's segmentors, in training too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from mmdepthseg.utils.modes import kept_modes

Dropout = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


def seg_logits(model: Any, img: Tensor, dropout: Dropout | None = None) -> Tensor:
    """Return a segmentor's logits at the images' size.

    They are those of the head's own `predict`, also while the model trains: some heads
    and backbones return several outputs then, each for a loss of its own (DDRNet,
    PIDNet, K-Net), of which the last is what the network predicts. Layers below stay as
    they are: batch norm and dropout train.

    Args:
        model: An `EncoderDecoder`, or a segmentor with its `encode_decode`.
        img: Normalised images (N, 3, H, W).
        dropout: Applied to the levels that the heads see.

    Returns:
        (N, num_classes, H, W).
    """
    with predicting(model), dropped(model, dropout):
        return model.encode_decode(img, image_infos(img))


def image_infos(img: Tensor) -> list[dict]:
    """Return the metainfo with which a head predicts at the size of the images."""
    size = tuple(img.shape[2:])
    return [dict(ori_shape=size, img_shape=size, pad_shape=size)] * len(img)


@contextmanager
def predicting(model: Any) -> Iterator[None]:
    """Let backbone, neck and heads give what they predict; layers keep their mode."""
    parts: list[nn.Module] = []
    for name in ('backbone', 'neck', 'decode_head'):
        part = getattr(model, name, None)
        parts += part if isinstance(part, nn.ModuleList) else [part] if part else []
    with kept_modes(parts):
        for part in parts:
            # not eval(), which would go down to the layers
            part.training = False
        yield


@contextmanager
def dropped(model: Any, dropout: Dropout | None) -> Iterator[None]:
    """Apply a function to the levels that the model's heads see."""
    if dropout is None:
        yield
        return
    last = model.neck if getattr(model, 'with_neck', False) else model.backbone
    handle = last.register_forward_hook(lambda _module, _inputs, out: dropout(out))
    try:
        yield
    finally:
        handle.remove()
