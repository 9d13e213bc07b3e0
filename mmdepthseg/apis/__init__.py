"""Python interface: load a model, predict, make depth labels, select images."""

from mmdepthseg.apis.depth_labels import generate_depth_labels
from mmdepthseg.apis.model import load_model
from mmdepthseg.apis.network import Network
from mmdepthseg.apis.poses import predict_poses
from mmdepthseg.apis.prediction import predict
from mmdepthseg.apis.selection import NetworkSelection

__all__ = [
    'Network',
    'NetworkSelection',
    'generate_depth_labels',
    'load_model',
    'predict',
    'predict_poses',
]
