"""Backbones."""

from .frozen_encoder import FrozenEncoder
from .resnet import ResNet

__all__ = ['FrozenEncoder', 'ResNet']
