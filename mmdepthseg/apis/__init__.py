"""What a user calls from Python: build a model, make depth labels."""

from .depth_labels import generate_depth_labels
from .model import load_model

__all__ = ['generate_depth_labels', 'load_model']
