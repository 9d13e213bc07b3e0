"""Backbones."""

from mmdepthseg.models.backbones.frozen_encoder import FrozenEncoder
from mmdepthseg.models.backbones.resnet import ResNet

__all__ = ['FrozenEncoder', 'ResNet']
