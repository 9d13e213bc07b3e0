"""Files as the reference implementation writes them, with its test weights.

Weights are not stored: each tensor is drawn from a generator seeded with the name it
has in the reference implementation, so a wrong order of layers shows as well.
"""

import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from helpers import REPO

NAMES = REPO / 'tests' / 'data' / 'state_dicts' / 'authors.json.gz'


def names_of(network: str) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every entry of a network ('e1', ..., 'r101_exp212_pad')."""
    content = json.loads(gzip.decompress(NAMES.read_bytes()))
    return {name: tuple(shape) for name, shape in content[network].items()}


def draw(name: str, shape: tuple[int, ...]) -> Tensor:
    """The reference's test weights."""
    if name.endswith('num_batches_tracked'):
        return torch.zeros(shape, dtype=torch.int64)
    z = np.random.RandomState(zlib.crc32(name.encode())).randn(*shape)
    if len(shape) >= 2:
        z = z * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith('running_var'):
        z = np.exp(0.2 * z)
    elif name.endswith('.weight'):
        z = 1 + 0.1 * z
    else:
        z = 0.1 * z
    return torch.from_numpy(z)


def weights_of(network: str) -> dict[str, Tensor]:
    """The whole state dict of a network."""
    return {name: draw(name, shape) for name, shape in names_of(network).items()}


def write_folder(folder: Path, state: dict[str, Tensor]) -> Path:
    """One file per module, as encoder.pth, depth.pth, pose_encoder.pth, pose.pth."""
    folder.mkdir(exist_ok=True)
    parts: dict[str, dict] = {}
    for name, value in state.items():
        _, part, rest = name.split('.', 2)
        parts.setdefault(part, {})[rest] = value
    for part, entries in parts.items():
        torch.save(entries, folder / f'{part}.pth')
    return folder


def write_training_file(path: Path, state: dict[str, Tensor]) -> Path:
    """A best_model.pkl, with what a training leaves beside the network."""
    torch.save(
        dict(
            epoch=3,
            model_state=state,
            best_iou=np.float64(0.5),
            optimizer_state=dict(state={}, param_groups=[dict(lr=0.1)]),
        ),
        path,
    )
    return path
