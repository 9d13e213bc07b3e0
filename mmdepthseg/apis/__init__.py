"""Python interface: load a model, make depth labels, predict poses, select images."""

from mmdepthseg.apis.depth_labels import generate_depth_labels
from mmdepthseg.apis.model import load_model
from mmdepthseg.apis.poses import predict_poses
from mmdepthseg.apis.selection import NetworkSelection

__all__ = ['NetworkSelection', 'generate_depth_labels', 'load_model', 'predict_poses']
