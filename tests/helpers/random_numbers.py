"""Numbers of all generators, and what a checkpoint makes of their states."""

import io
import random

import numpy as np
import torch


def draw() -> list[float]:
    """Draw a number of each kind."""
    # gauss keeps a spare number, in python's and in numpy's generator
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(1).item(),
    ]


def through_a_file(checkpoint: dict) -> dict:
    """Return what a safe load reads of a checkpoint."""
    file = io.BytesIO()
    torch.save(checkpoint, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
