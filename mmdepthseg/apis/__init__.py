"""What a user calls from Python: build a model, make depth labels, select images."""

from .depth_labels import generate_depth_labels
from .model import load_model
from .poses import predict_poses
from .selection import NetworkSelection

__all__ = [
    'NetworkSelection', 'generate_depth_labels', 'load_model', 'predict_poses'
]
