"""Backbones."""

from mmdepthseg.models.backbones.efficientnet_lite import EfficientNetLite
from mmdepthseg.models.backbones.frozen_encoder import FrozenEncoder
from mmdepthseg.models.backbones.resnet import ResNet

__all__ = ['EfficientNetLite', 'FrozenEncoder', 'ResNet']
